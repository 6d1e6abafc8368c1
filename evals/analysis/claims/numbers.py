"""What measuring a part of a claim gives: a number with its interval, or the reason why there is none. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from evals.statistics.variance import ContrastVariance


@dataclass(frozen=True)
class Measured:
    """A number with its 95 % interval, in the unit of the measure; None: not known."""

    value: float
    low: float | None
    high: float | None
    seeds: int
    cells: list[str]
    covers: str  # what the interval is over
    variance: ContrastVariance | None = None  # as shares; None where it is not known by source


@dataclass(frozen=True)
class Missing:
    """Why there is no number."""

    reason: str
    cells: list[str]  # cells of the part that were run
