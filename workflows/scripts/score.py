"""Score the answers of one cell. Glue only."""

from pathlib import Path

from workflows.lib.files import write_text
from workflows.lib.job import job
from workflows.lib.reading import read_record
from workflows.lib.records import Cell

with job(snakemake.log[0], f"score {Path(snakemake.input.cell).parent}"):
    from evals.scores import score

    cell = read_record(Cell, Path(snakemake.input.cell))
    scores = score(Path(snakemake.input.samples), Path(snakemake.input.raw), cell.name, cell.digest)
    write_text(Path(snakemake.output[0]), scores.model_dump_json(indent=1))
