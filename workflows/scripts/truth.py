"""Measure the advantages of tokens at one state of the policy, and every method's credit. Glue only."""

from pathlib import Path

from contracts.truth import TruthPlan
from workflows.lib.job import job
from workflows.lib.machine.gpus import check_device
from workflows.lib.task_files import task_files

plan = TruthPlan.model_validate_json(snakemake.params.plan)
with job(snakemake.log[0], f"truth {plan.scale}/{plan.state}/s{plan.seed}", snakemake.resources.gpu):
    check_device(plan.device, "device")
    from methods.engines.local.truth.measure import TruthTask, measure_truth

    task = TruthTask(planned=snakemake.params.plan, **task_files(snakemake.input, plan.world))
    measure_truth(task, Path(snakemake.output.report).parent)
