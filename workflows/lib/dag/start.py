"""Between building the DAG and the first job: show the plan, or let the run start."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.errors import one_line_errors
from workflows.lib.dag.preflight import check_confirmed, check_fetched
from workflows.lib.dag.study import Study
from workflows.lib.machine.facts import wanted_mb
from workflows.lib.machine.folders import check_folders
from workflows.lib.machine.gpus import gpus
from workflows.lib.machine.slurm import check_accounting
from workflows.lib.status.gpu_hours import gpu_hours, stated_times
from workflows.lib.status.plan import Room, plan_lines, planned_jobs
from workflows.lib.status.previous_run import read_past

if TYPE_CHECKING:
    from snakemake.workflow import Workflow

PLAN = "plan"  # the target that shows what would run


def before(workflow: Workflow, study: Study) -> None:
    """Show the plan and end, if that is the target. Otherwise end with an error if the run lacks something.

    A run of the paper world takes days on GPUs, so it needs ``yes`` in the config, on the command line or at the
    terminal.
    """
    assert workflow.dag is not None, "the DAG is built before a run starts"  # noqa: S101
    if workflow.dag_settings is not None and PLAN in workflow.dag_settings.targets:
        print(*plan(workflow, study), sep="\n")
        raise SystemExit
    with one_line_errors():
        check_accounting(workflow.executor_settings)
        check_folders(os.environ)
        check_fetched(study.missing(), {job.rule.name for job in workflow.dag.needrun_jobs()})
        if study.config.world == "paper" and not study.config.yes:
            ask = input if sys.stdin.isatty() else None
            check_confirmed(study.grid.source, plan(workflow, study), ask)
    if workflow.local_exec:
        look_when_jobs_end(workflow)


def look_when_jobs_end(workflow: Workflow) -> None:
    """Let Snakemake look for jobs to start only when a job ends.

    To limit jobs to 100 a second, Snakemake looks at all ready jobs and their inputs every second, which takes a fifth
    of a core in a run of a thousand jobs. With a longer interval the process would end that much later.
    """
    workflow.scheduler.job_rate_limiter = None  # pyright: ignore[reportAttributeAccessIssue, reportOptionalMemberAccess]


def at_a_time(workflow: Workflow) -> int:
    """Number of jobs that may run at once: cores of this machine, or jobs submitted to a cluster."""
    settings = workflow.resource_settings
    return int((settings and (settings.cores or settings.nodes)) or 1)


def plan(workflow: Workflow, study: Study) -> list[str]:
    """Lines of the plan. The last one names the GPU-hours; it is empty if no job that will run uses a GPU."""
    config = study.config
    reserved = {"base_model": config.resources.base.gpus, "check_rollouts": config.resources.base.gpus}
    reserved |= dict.fromkeys(("prepare", "train"), config.resources.train.gpus)
    reserved |= dict.fromkeys(("gradients", "truth"), config.resources.gradients.gpus)
    reserved |= dict.fromkeys(("evaluate", "repeat"), config.resources.evaluate.gpus)
    jobs, past = planned_jobs(workflow, study.cells.training_steps, reserved), read_past(Path(study.results))
    stated = stated_times(config, {job.kind for job in jobs})
    here, each = _gpus(workflow, reserved), config.resources.train.gpus
    room = Room(at_a_time(workflow), here, wanted_mb(config.world, here, each) * 1e6)
    lines = plan_lines(jobs, past, room, Path(study.results), stated)
    return [*lines, gpu_hours(jobs, past, stated).line]


def _gpus(workflow: Workflow, reserved: Mapping[str, int]) -> int | None:
    """GPUs of this machine, or as many as the largest job needs. None on a cluster, where the scheduler counts them."""
    settings = workflow.resource_settings
    here = settings is not None and settings.cores is not None
    return max(len(gpus()), *reserved.values()) if here else None
