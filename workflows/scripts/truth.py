"""Measure the advantages of tokens at one state of the policy, and every method's credit. Glue only."""

from importlib import import_module
from pathlib import Path

from contracts.prepared import RECORD
from contracts.truth import TruthPlan
from workflows.lib.dag.recipes import LABELS
from workflows.lib.job import job
from workflows.lib.machine.gpus import check_device

plan = TruthPlan.model_validate_json(snakemake.params.plan)
with job(snakemake.log[0], f"truth {plan.scale}/{plan.state}/s{plan.seed}", snakemake.resources.gpu):
    check_device(plan.device, "device")
    from methods.engines.local.truth.measure import TruthTask, measure_truth

    task = TruthTask(
        planned=snakemake.params.plan,
        base=Path(snakemake.input.base),
        adapter=Path(snakemake.input.adapter) if snakemake.input.adapter else None,
        data=Path(snakemake.input.data),
        prepared=tuple(Path(file).parent for file in snakemake.input.prepared if Path(file).name == RECORD),
        label=import_module(LABELS[plan.world]).label if plan.world in LABELS else None,
    )
    measure_truth(task, Path(snakemake.output.report).parent)
