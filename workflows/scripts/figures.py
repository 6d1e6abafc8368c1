"""Draw the figures of training. Glue only."""

from pathlib import Path

from workflows.lib.job import job

with job(snakemake.log[0], "figures"):
    from evals.analysis.figures.training import write

    cells = [Path(path).parent for path in snakemake.input.cells]
    write(cells, Path(snakemake.input.published[0]).parent, Path(snakemake.output[0]).parent)
