"""A finding about the published numbers, and the arithmetic that several checks share."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from evals.analysis.published.numbers import PublishedRow
from evals.benchmarks import BENCHMARKS


@dataclass(frozen=True)
class PublishedFinding:
    """Something about the published numbers that a reader should know."""

    exhibit: str
    message: str
    cell: tuple[str, str, str] | None = None  # scale, method, benchmark or "average"; None: not about one cell


def known(row: PublishedRow, name: str) -> float:
    """A row's number, where its five cells are all known."""
    value = row.cells[name]
    assert value is not None, "recomputed is None if a cell is unknown"  # noqa: S101
    return value


def average_error(row: PublishedRow) -> float:
    """Standard error in points of a row's average that the sampling of its answers implies; all cells must be known."""
    shares = {name: known(row, name) / 100 for name in BENCHMARKS}
    return 100 * sqrt(sum(p * (1 - p) / BENCHMARKS[name].items for name, p in shares.items())) / len(shares)
