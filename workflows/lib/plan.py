"""What a run would do: which jobs, which from the cache, how long and how big, by what earlier jobs took. No torch."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workflows.lib.past import Kind, Past, kind_of

if TYPE_CHECKING:
    from snakemake.jobs import Job
    from snakemake.workflow import Workflow

TARGETS = ("all", "cell", "plan")  # rules that make nothing
HEADER = ("job", "to run", "cached", "done", "each", "together", "disk")
NO_RECORD = "no record"


@dataclass(frozen=True)
class Planned:
    """One job of the DAG."""

    kind: Kind
    state: Literal["run", "cached", "done"]
    steps: int = 1  # of training; 1 for all others


@dataclass
class Group:
    """The jobs of one kind, and what those to run may take."""

    run: int = 0
    cached: int = 0
    done: int = 0
    steps: list[int] = field(default_factory=list)  # of those to run


def planned_jobs(workflow: Workflow, steps: Callable[[dict[str, str]], int]) -> list[Planned]:
    """Every job of Snakemake's DAG; ``steps`` gives the training steps of the cell with some wildcards."""
    dag = workflow.dag
    assert dag is not None, "a plan is made once the DAG is built"  # noqa: S101
    return [
        Planned(kind_of(job.rule.name, dict(job.wildcards.items())), "done")
        if not dag.needrun(job)
        else _to_make(workflow, job, steps)
        for job in dag.jobs
        if job.rule.name not in TARGETS
    ]


def _to_make(workflow: Workflow, job: Job, steps: Callable[[dict[str, str]], int]) -> Planned:
    wildcards, cache = dict(job.wildcards.items()), job.rule.cache
    cached = cache is not None and cache.output and workflow.async_run(cache.exists(job))
    kind = kind_of(job.rule.name, wildcards)
    return Planned(kind, "cached" if cached else "run", steps(wildcards) if kind.rule == "train" else 1)


def plan_lines(jobs: Sequence[Planned], past: Past, cores: int, results: Path) -> list[str]:
    """The plan for people: a row per kind of job, then time, disk and what there is no record of."""
    groups: dict[Kind, Group] = {}
    rules = list(dict.fromkeys(job.kind.rule for job in jobs))
    for job in sorted(jobs, key=lambda job: rules.index(job.kind.rule)):
        group = groups.setdefault(job.kind, Group())
        setattr(group, job.state, getattr(group, job.state) + 1)
        if job.state == "run":
            group.steps.append(job.steps)
    rows = [HEADER, *(_row(kind, group, past) for kind, group in groups.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    table = [
        "  ".join(
            text.ljust(w) if i == 0 else text.rjust(w) for i, (text, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return [*table, "", *_sums(groups, past, cores, results)]


def _row(kind: Kind, group: Group, past: Past) -> tuple[str, ...]:
    counts = (" ".join(kind).replace("_", " ").strip(), str(group.run), str(group.cached), str(group.done))
    if not group.run:
        return (*counts, "", "", "")
    seconds, size = _seconds(kind, group, past), _bytes(kind, group, past)
    if seconds is None:
        return (*counts, NO_RECORD, "", "" if size is None else _mb(size))
    records = len(past.seconds[kind])
    each = f"{duration(seconds / group.run)} ({records})"
    return (*counts, each, duration(seconds), "" if size is None else _mb(size))


def _sums(groups: dict[Kind, Group], past: Past, cores: int, results: Path) -> Iterator[str]:
    to_run = {kind: group for kind, group in groups.items() if group.run}
    cells = [group for kind, group in groups.items() if kind.rule == "train"]
    trained = [sum(getattr(group, state) for group in cells) for state in ("run", "cached", "done")]
    yield f"Cells: {trained[0]} to train, {trained[1]} from the cache, {trained[2]} done."
    times = {kind: _seconds(kind, group, past) for kind, group in to_run.items()}
    known = [seconds for seconds in times.values() if seconds is not None]
    longest = max((t / to_run[kind].run for kind, t in times.items() if t is not None), default=0.0)
    spent = duration(max(sum(known) / cores, longest))
    unknown = sum(to_run[kind].run for kind, seconds in times.items() if seconds is None)
    if known:
        more = "more than" if unknown else "about"
        yield f"Time: {more} {spent} with {cores} at a time, by the mean of earlier jobs (in brackets: how many)."
    if unknown:
        yield f"Not counted: {unknown} jobs of kinds that no earlier job left a record of ({NO_RECORD})."
    sizes = [size for kind, group in to_run.items() if (size := _bytes(kind, group, past)) is not None]
    free = shutil.disk_usage(next(p for p in (results.absolute(), *results.absolute().parents) if p.exists())).free
    yield f"Disk: {f'{_mb(sum(sizes))} more, for jobs with a record; ' if sizes else ''}{_mb(free)} free."


def _seconds(kind: Kind, group: Group, past: Past) -> float | None:
    """Seconds of all jobs to run, by the mean of earlier ones of their kind; None without any."""
    found = past.seconds.get(kind)
    return sum(found) / len(found) * sum(group.steps) if found else None


def _bytes(kind: Kind, group: Group, past: Past) -> float | None:
    found = past.size.get(kind)
    return sum(found) / len(found) * group.run if found else None


def duration(seconds: float) -> str:
    """``1 h 05 min``, ``3.2 min`` or ``4 s``."""
    if seconds >= 3600:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours} h {minutes:02d} min"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


def _mb(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
