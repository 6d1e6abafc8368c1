"""Train a model that methods need from the base. Glue only."""

from importlib import import_module
from pathlib import Path

from contracts.prepared import PreparedPlan
from methods.engines.registry import PREPARED
from workflows.lib.job import job
from workflows.lib.machine.gpus import check_device

plan = PreparedPlan.model_validate_json(snakemake.params.plan)
with job(snakemake.log[0], f"prepare {plan.name}", snakemake.resources.gpu):
    check_device(plan.device, "device")
    base, data, out = Path(snakemake.input.base), Path(snakemake.input.data), Path(snakemake.output.record).parent
    import_module(PREPARED[plan.kind]).prepare(plan, base, data, out)
