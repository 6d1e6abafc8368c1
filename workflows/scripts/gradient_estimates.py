"""Turn all measured gradients into numbers with intervals. Glue only."""

from pathlib import Path

from workflows.lib.job import job

with job(snakemake.log[0], "gradient estimates"):
    from evals.gradient_estimates import estimate_gradients

    folders = dict.fromkeys(Path(path).parent for path in snakemake.input)
    estimate_gradients(list(folders), Path(snakemake.output.estimates).parent)
