"""How long the rest of a run may take, from what its jobs have taken so far and what such jobs usually take."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple


class JobTiming(NamedTuple):
    """One job, as the estimate sees it."""

    kind: tuple[Hashable, ...]  # jobs of one kind take about as long; the first part is the rule
    spent: float | None  # seconds so far; None: has not begun
    left: float | None  # seconds still to go, as its own pace tells; None: unknown
    ended: bool
    usual: float | None = None  # seconds that such a job took in another run, perhaps on another machine

    @property
    def whole(self) -> float | None:
        """Seconds this job takes in all, as far as it has shown; None if it has not."""
        if self.ended or self.spent is None:
            return self.spent
        return None if self.left is None else self.spent + self.left


def seconds_left(timings: Sequence[JobTiming], cores: int) -> tuple[float, bool]:
    """Seconds until all jobs are done with ``cores`` at a time, and whether every kind of job could be counted.

    A job takes what its own pace tells; else what it usually takes, times how much slower this run is than usual; else
    what jobs of its kind took, or those of its rule. Kinds of which nothing is known count nothing.
    """
    left, complete, slowness = [], True, _slowness(timings)
    for job in timings:
        if job.ended:
            continue
        usual = None if job.usual is None else job.usual * slowness
        whole = job.whole or usual or _mean(timings, job.kind) or _mean(timings, job.kind[:1])
        if whole is None:
            complete = False
        else:
            left.append(max(whole - (job.spent or 0.0), 0.0))
    return max(sum(left) / cores, max(left, default=0.0)), complete


def _slowness(timings: Sequence[JobTiming]) -> float:
    """How many times as long as usual the jobs take that have shown it; 1 before one has."""
    shown = [(job.whole, job.usual) for job in timings if job.whole and job.usual]
    return sum(whole for whole, _ in shown) / sum(usual for _, usual in shown) if shown else 1.0


def _mean(timings: Sequence[JobTiming], kind: tuple[Hashable, ...]) -> float | None:
    known = [t.whole for t in timings if t.whole is not None and t.kind[: len(kind)] == kind]
    return sum(known) / len(known) if known else None
