"""Train one cell. Glue only."""

from pathlib import Path

from workflows.lib.files import write_text
from workflows.lib.job import job
from workflows.lib.records import Cell
from workflows.lib.rollouts import keep_none

cell = Cell.model_validate_json(snakemake.params.cell)
with job(snakemake.log[0], f"train {cell.name}", snakemake.resources.gpu):
    from methods.engines.local.settings import EngineSettings
    from methods.engines.local.train import train

    record = Path(snakemake.output.cell)
    settings = EngineSettings.model_validate_json(snakemake.params.settings)
    train(
        cell,
        data=Path(snakemake.input.data),
        validation=Path(snakemake.input.validation),
        base=Path(snakemake.input.base),
        out=record.parent,
        settings=settings,
    )
    keep_none(record.parent / "rollouts.parquet")
    write_text(record, cell.model_dump_json(indent=1))
