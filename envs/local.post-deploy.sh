# Run by Snakemake from the project's root, in the new environment. --no-deps: the file is complete, and what pip would
# choose by itself for math-verify breaks three benchmarks.
set -eu
pip install --no-deps --require-hashes -r envs/local.txt
pip install --no-deps --no-build-isolation -e .
