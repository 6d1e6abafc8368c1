"""Make one table. Glue only."""

from importlib import import_module
from pathlib import Path

from workflows.lib.job import job

name = snakemake.wildcards.table
with job(snakemake.log[0], name):
    cells = [Path(path).parent for path in snakemake.input.cells]
    import_module(f"evals.analysis.tables.{name}").write(
        cells, Path(snakemake.input.published[0]).parent, Path(snakemake.output.md).parent
    )
