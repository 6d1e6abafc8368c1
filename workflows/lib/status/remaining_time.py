"""How long the rest of a run may take, from what its jobs have taken so far and what such jobs usually take."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from statistics import median
from typing import NamedTuple

LAST = ("track_study",)  # rules whose jobs wait for all others
TRUSTED = 5  # a running job's own pace counts in full once one part in so many is done


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

    Jobs of :data:`LAST` come after all others. A job takes what its own pace tells; else what it usually takes, times
    how much slower than usual jobs of its rule are in this run; else what jobs of its kind took, or those of its rule.
    Kinds of which nothing is known count nothing.
    """
    left, last, complete = [0.0], 0.0, True
    slowness = {rule: _slowness(timings, rule) for rule in {job.kind[0] for job in timings}}
    for job in timings:
        if job.ended:
            continue
        usual = None if job.usual is None else job.usual * slowness[job.kind[0]]
        whole = _own_and_usual(job, usual) or _mean(timings, job.kind) or _mean(timings, job.kind[:1])
        rest = max((whole or 0.0) - (job.spent or 0.0), 0.0)
        complete = complete and whole is not None
        if job.kind[0] in LAST:
            last += rest
        else:
            left.append(rest)
    return max(sum(left) / cores, *left) + last, complete


def _own_and_usual(job: JobTiming, usual: float | None) -> float | None:
    """Seconds by the job's own pace, which counts in full once a fifth of the job is done; before, usual counts too.

    A pace of two steps can be wrong by half.
    """
    if job.whole is None or usual is None or job.spent is None:
        return job.whole or usual
    trust = min(TRUSTED * job.spent / job.whole, 1.0) if job.whole > 0 else 0.0
    return trust * job.whole + (1 - trust) * usual


def _slowness(timings: Sequence[JobTiming], rule: Hashable) -> float:
    """How many times as long as usual the jobs of ``rule`` take; 1 before any job has shown how long it takes.

    The median job of the other rules tells first, because a rule may differ: building a base model has been seen to be
    three times as slow as usual in a run whose trainings were a seventh slower. It counts as one job beside those of
    the rule that have shown it, since the first ones may run beside others that slow them.
    """
    known = [job for job in timings if job.whole and job.usual and (job.spent or 0) * TRUSTED >= job.whole]
    shown = [(job.kind[0] == rule, job.whole or 0.0, job.usual or 0.0) for job in known]
    own = [(whole, usual) for same, whole, usual in shown if same]
    others = median([1.0, *(whole / usual for same, whole, usual in shown if not same)])
    if not own:
        return others
    one = sum(usual for _, usual in own) / len(own)
    return (sum(whole for whole, _ in own) + others * one) / (sum(usual for _, usual in own) + one)


def _mean(timings: Sequence[JobTiming], kind: tuple[Hashable, ...]) -> float | None:
    known = [t.whole for t in timings if t.whole is not None and t.kind[: len(kind)] == kind]
    return sum(known) / len(known) if known else None
