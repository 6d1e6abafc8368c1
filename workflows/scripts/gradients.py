"""Measure the gradients of all methods at one state of the policy. Glue only."""

from pathlib import Path

from contracts.gradients import GradientPlan
from workflows.lib.job import job
from workflows.lib.machine.gpus import check_device
from workflows.lib.task_files import task_files

plan = GradientPlan.model_validate_json(snakemake.params.plan)
with job(snakemake.log[0], f"gradients {plan.scale}/{plan.state}/s{plan.seed}", snakemake.resources.gpu):
    check_device(plan.device, "device")
    from methods.engines.local.gradients.measure import GradientTask, measure_gradients

    task = GradientTask(planned=snakemake.params.plan, **task_files(snakemake.input, plan.world))
    measure_gradients(task, Path(snakemake.output.report).parent, 1 if plan.device == "cuda" else snakemake.threads)
