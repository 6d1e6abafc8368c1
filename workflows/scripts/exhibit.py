"""Make one table, or the figures of one module. Glue only."""

from importlib import import_module
from pathlib import Path

from workflows.lib.job import job

with job(snakemake.log[0], snakemake.params.title):
    cells = [Path(path).parent for path in snakemake.input.cells]
    published, out = Path(snakemake.input.published[0]).parent, Path(snakemake.output[0]).parent
    import_module(snakemake.params.module).write(cells, published, out)
