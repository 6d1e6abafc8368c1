# Run by Snakemake from the project's root, in the new environment. --no-deps: the file is complete.
set -eu
pip install --no-deps --require-hashes -r envs/easyr1.txt
pip install --no-deps -r envs/easyr1-wheels.txt
pip install --no-deps --no-build-isolation -e .
