"""Turn all measured advantages of tokens into numbers with intervals. Glue only."""

from pathlib import Path

from workflows.lib.job import job

with job(snakemake.log[0], "truth estimates"):
    from evals.truth_estimates import estimate_truth

    folders = dict.fromkeys(Path(path).parent for path in snakemake.input)
    estimate_truth(list(folders), Path(snakemake.output.estimates).parent)
