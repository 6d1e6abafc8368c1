"""Train one cell with the engine of its config. Glue only."""

from importlib import import_module
from pathlib import Path

from contracts.files import remove_folder, write_text
from contracts.records import Cell
from contracts.rollouts import keep_none
from workflows.lib.config.loading import engine_settings
from workflows.lib.config.method_options import read_methods
from workflows.lib.dag.recipes import LABELS, training_module
from workflows.lib.job import job
from workflows.lib.machine.gpus import check_device
from workflows.lib.publish.adapter_folder import complete

cell = Cell.model_validate_json(snakemake.params.cell)
with job(snakemake.log[0], f"train {cell.name}", snakemake.resources.gpu):
    if cell.engine == "local":  # EasyR1 has a torch of its own, in another environment
        check_device(cell.device, "device")
    settings = engine_settings(snakemake.config)
    engine = import_module(training_module(cell.engine, settings))
    record = Path(snakemake.output.cell)
    labelled = read_methods()[cell.method].labels  # easyr1 refuses such a method: it takes no labels
    prepared = snakemake.input.prepared  # easyr1 refuses methods that need it; record and tensors, in one folder
    engine.train(
        cell,
        data=Path(snakemake.input.data),
        validation=Path(snakemake.input.validation),
        base=Path(snakemake.input.base),
        out=record.parent,
        settings=engine.SETTINGS.model_validate(settings),
        **({"label": import_module(LABELS[cell.world]).label} if labelled else {}),
        **({"prepared": Path(prepared[0]).parent} if prepared else {}),
    )
    complete(record.parent / "adapter", Path(snakemake.input.base), cell)
    keep_none(record.parent / "rollouts.parquet")
    write_text(record, cell.model_dump_json(indent=1))
    remove_folder(record.parent / "state")  # only now: a job killed before goes on from its last checkpoint
