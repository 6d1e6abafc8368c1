"""Draw Figure 3. Glue only."""

from pathlib import Path

from workflows.lib.job import job

with job(snakemake.log[0], "figure 3"):
    from evals.analysis.figures.figure3 import write

    cells = [Path(path).parent for path in snakemake.input.cells]
    write(cells, Path(snakemake.input.published[0]).parent, Path(snakemake.output[0]).parent)
