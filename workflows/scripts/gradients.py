"""Measure the gradients of all methods at one state of the policy. Glue only."""

from importlib import import_module
from pathlib import Path

from contracts.gradients import GradientPlan
from contracts.prepared import RECORD
from workflows.lib.dag.recipes import LABELS
from workflows.lib.job import job
from workflows.lib.machine.gpus import check_device

plan = GradientPlan.model_validate_json(snakemake.params.plan)
with job(snakemake.log[0], f"gradients {plan.scale}/{plan.state}/s{plan.seed}", snakemake.resources.gpu):
    check_device(plan.device, "device")
    from methods.engines.local.gradients.measure import GradientTask, measure_gradients

    task = GradientTask(
        planned=snakemake.params.plan,
        base=Path(snakemake.input.base),
        adapter=Path(snakemake.input.adapter) if snakemake.input.adapter else None,
        data=Path(snakemake.input.data),
        prepared=tuple(Path(file).parent for file in snakemake.input.prepared if Path(file).name == RECORD),
        label=import_module(LABELS[plan.world]).label if plan.world in LABELS else None,
    )
    measure_gradients(task, Path(snakemake.output.report).parent, 1 if plan.device == "cuda" else snakemake.threads)
