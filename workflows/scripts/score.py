"""Score the answers of one cell. Glue only."""

from pathlib import Path

from contracts.files import write_text
from contracts.reading import read_record
from contracts.records import Cell
from workflows.lib.job import job

with job(snakemake.log[0], f"score {Path(snakemake.input.cell).parent}"):
    from evals.scores import score

    cell = read_record(Cell, Path(snakemake.input.cell))
    scores = score(Path(snakemake.input.samples), Path(snakemake.input.raw), cell.name, cell.digest)
    write_text(Path(snakemake.output[0]), scores.model_dump_json(indent=1))
