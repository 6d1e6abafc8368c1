"""Train one cell with the engine of its config. Glue only."""

import json
from importlib import import_module
from pathlib import Path

from workflows.lib.files import write_text
from workflows.lib.job import job
from workflows.lib.recipes import training_module
from workflows.lib.records import Cell
from workflows.lib.rollouts import keep_none

cell = Cell.model_validate_json(snakemake.params.cell)
with job(snakemake.log[0], f"train {cell.name}", snakemake.resources.gpu):
    engine = import_module(training_module(cell.engine, json.loads(snakemake.params.settings)))
    record = Path(snakemake.output.cell)
    engine.train(
        cell,
        data=Path(snakemake.input.data),
        validation=Path(snakemake.input.validation),
        base=Path(snakemake.input.base),
        out=record.parent,
        settings=engine.EngineSettings.model_validate_json(snakemake.params.settings),
    )
    keep_none(record.parent / "rollouts.parquet")
    write_text(record, cell.model_dump_json(indent=1))
