"""What a run would do: which jobs, which from the cache, how long and how big, by what earlier jobs took. No torch."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workflows.lib.status.previous_run import Kind, Past, kind_of

if TYPE_CHECKING:
    from snakemake.jobs import Job
    from snakemake.workflow import Workflow

TARGETS = ("all", "bases", "cell", "plan")  # rules that make nothing
HEADER = ("job", "to run", "cached", "done", "each", "together", "disk")
NO_RECORD = "no record"
Times = Mapping[Kind, Sequence[float]]  # seconds, of training per step


@dataclass(frozen=True)
class StatedTimes:
    """Times of jobs of which none has finished, and who states them."""

    seconds: Mapping[Kind, float] = field(default_factory=dict)  # of training per step
    source: str = "the paper's Table 3"
    mark: str = "paper"  # behind a time in the plan


@dataclass(frozen=True)
class Planned:
    """One job of the DAG."""

    kind: Kind
    state: Literal["run", "cached", "done"]
    steps: int = 1  # of training; 1 for all others
    gpus: int = 0


@dataclass
class JobGroup:
    """The jobs of one kind, and what those to run may take."""

    run: int = 0
    cached: int = 0
    done: int = 0
    steps: list[int] = field(default_factory=list)  # of those to run
    gpus: int = 0  # of each


@dataclass(frozen=True)
class Room:
    """How many jobs and GPUs a run may use at once, and what the disk of its results should have free."""

    jobs: int
    gpus: int | None  # None: a scheduler has its own count
    disk: float  # bytes


def planned_jobs(workflow: Workflow, steps: Callable[[dict[str, str]], int], gpus: Mapping[str, int]) -> list[Planned]:
    """Every job of Snakemake's DAG, in the order of the rules.

    ``steps`` gives the training steps of the cell with some wildcards, ``gpus`` those a job of a rule reserves.
    """
    dag = workflow.dag
    assert dag is not None, "a plan is made once the DAG is built"  # noqa: S101
    order = {rule.name: place for place, rule in enumerate(workflow.rules)}
    return [
        Planned(kind_of(job.rule.name, dict(job.wildcards.items())), "done")
        if not dag.needrun(job)
        else _to_make(workflow, job, steps, gpus)
        for job in sorted(dag.jobs, key=lambda job: order[job.rule.name])
        if job.rule.name not in TARGETS
    ]


def _to_make(workflow: Workflow, job: Job, steps: Callable[[dict[str, str]], int], gpus: Mapping[str, int]) -> Planned:
    wildcards, cache = dict(job.wildcards.items()), job.rule.cache
    cached = cache is not None and cache.output and workflow.async_run(cache.exists(job))
    kind = kind_of(job.rule.name, wildcards)
    count = steps(wildcards) if kind.rule == "train" else 1
    return Planned(kind, "cached" if cached else "run", count, gpus.get(kind.rule, 0))


def plan_lines(
    jobs: Sequence[Planned], past: Past, room: Room, results: Path, stated: StatedTimes | None = None
) -> list[str]:
    """The plan for people: a row per kind of job, then time, disk and what there is no record of.

    ``stated``: for kinds without a record. Kinds of a rule of which no time is known share one row, unless they are
    trained.
    """
    stated = stated or StatedTimes()
    times = {kind: [seconds] for kind, seconds in stated.seconds.items()} | dict(past.seconds)
    timed = {job.kind.rule for job in jobs if job.state == "run" and job.kind in times} | {"train"}
    groups: dict[Kind, JobGroup] = {}
    for job in jobs:
        group = groups.setdefault(job.kind if job.kind.rule in timed else Kind(job.kind.rule), JobGroup())
        setattr(group, job.state, getattr(group, job.state) + 1)
        if job.state == "run":
            group.steps.append(job.steps)
            group.gpus = job.gpus
    rows = [HEADER, *(_row(kind, group, times, past, stated.mark) for kind, group in groups.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    table = [
        "  ".join(
            text.ljust(w) if i == 0 else text.rjust(w) for i, (text, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return [*table, "", *_sums(groups, times, past, room, results, stated)]


def _row(kind: Kind, group: JobGroup, times: Times, past: Past, mark: str) -> tuple[str, ...]:
    counts = (" ".join(kind).replace("_", " ").strip(), str(group.run), str(group.cached), str(group.done))
    if not group.run:
        return (*counts, "", "", "")
    seconds, size = _seconds(kind, group, times), _bytes(kind, group, past)
    if seconds is None:
        return (*counts, NO_RECORD, "", "" if size is None else _mb(size))
    source = str(len(past.seconds[kind])) if kind in past.seconds else mark
    each = f"{duration(seconds / group.run)} ({source})"
    return (*counts, each, duration(seconds), "" if size is None else _mb(size))


def _sums(
    groups: dict[Kind, JobGroup], times: Times, past: Past, room: Room, results: Path, stated: StatedTimes
) -> Iterator[str]:
    to_run = {kind: group for kind, group in groups.items() if group.run}
    cells = [group for kind, group in groups.items() if kind.rule == "train"]
    trained = [sum(getattr(group, state) for group in cells) for state in ("run", "cached", "done")]
    yield f"Cells: {trained[0]} to train, {trained[1]} from the cache, {trained[2]} done."
    known = {kind: seconds for kind, group in to_run.items() if (seconds := _seconds(kind, group, times)) is not None}
    unknown = sum(group.run for kind, group in to_run.items() if kind not in known)
    if known:
        more, sources = "more than" if unknown else "about", "mean of earlier jobs (in brackets: how many)"
        if not known.keys() <= past.seconds.keys():
            sources = f"{stated.source} ({stated.mark}) or the mean of earlier jobs (how many)"
        yield f"Time: {more} {duration(_spent(to_run, known, room))} {_at_once(room)}, by {sources}."
    if unknown:
        yield f"Not counted: {unknown} jobs of kinds that no earlier job left a record of ({NO_RECORD})."
    sizes = [size for kind, group in to_run.items() if (size := _bytes(kind, group, past)) is not None]
    free = shutil.disk_usage(next(p for p in (results.absolute(), *results.absolute().parents) if p.exists())).free
    more = f"{_mb(sum(sizes))} more, for jobs with a record; " if sizes else ""
    yield f"Disk: {more}{_mb(free)} free; this world should find {_mb(room.disk)} (our estimate)."


def _spent(to_run: Mapping[Kind, JobGroup], known: Mapping[Kind, float], room: Room) -> float:
    """Seconds of a run: no shorter than its longest job, than all jobs one after the other on what there is."""
    longest = max(seconds / to_run[kind].run for kind, seconds in known.items())
    on_gpus = sum(seconds * to_run[kind].gpus for kind, seconds in known.items())
    return max(sum(known.values()) / room.jobs, longest, on_gpus / room.gpus if room.gpus else 0.0)


def _at_once(room: Room) -> str:
    gpus = f" on {room.gpus} GPU{'s' if room.gpus > 1 else ''}" if room.gpus else ""
    return f"with {room.jobs} jobs at a time{gpus}"


def _seconds(kind: Kind, group: JobGroup, times: Times) -> float | None:
    """Seconds of all jobs to run, by the mean of what is known of their kind; None if nothing is."""
    found = times.get(kind)
    return sum(found) / len(found) * sum(group.steps) if found else None


def _bytes(kind: Kind, group: JobGroup, past: Past) -> float | None:
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
