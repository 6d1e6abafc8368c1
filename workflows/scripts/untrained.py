"""Write the record of an untrained base model, so that it is evaluated like any cell. Glue only."""

from pathlib import Path

from contracts.files import write_text
from contracts.records import Cell
from workflows.lib.job import job

cell = Cell.model_validate_json(snakemake.params.cell)
with job(snakemake.log[0], f"untrained {cell.name}"):
    write_text(Path(snakemake.output[0]), cell.model_dump_json(indent=1))
