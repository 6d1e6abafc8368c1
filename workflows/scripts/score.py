"""Score the answers of one cell. Glue only."""

from pathlib import Path

from workflows.lib.files import write_text
from workflows.lib.job import job
from workflows.lib.records import Cell

cell = Cell.model_validate_json(Path(snakemake.input.cell).read_text())
with job(snakemake.log[0], f"score {cell.name}"):
    from evals.scores import score

    scores = score(Path(snakemake.input.samples), Path(snakemake.input.raw), cell.name, cell.digest)
    write_text(Path(snakemake.output[0]), scores.model_dump_json(indent=1))
