"""A finding about the published numbers, and arithmetic that several checks use."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from evals.analysis.published.numbers import PublishedRow
from evals.benchmarks import BENCHMARKS


@dataclass(frozen=True)
class PublishedFinding:
    """A fact about the published numbers that a reader should know."""

    exhibit: str
    message: str
    cell: tuple[str, str, str] | None = None  # scale, method, benchmark or "average"; None: not about one cell


def known(row: PublishedRow, name: str) -> float:
    """Return a number of a row of which all five cells are known."""
    value = row.cells[name]
    assert value is not None, "recomputed is None if a cell is unknown"  # noqa: S101
    return value


def average_error(row: PublishedRow) -> float:
    """Standard error of a row's average in points by the sampling of its answers. All cells must be known."""
    shares = {name: known(row, name) / 100 for name in BENCHMARKS}
    return 100 * sqrt(sum(p * (1 - p) / BENCHMARKS[name].items for name, p in shares.items())) / len(shares)
