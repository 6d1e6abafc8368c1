"""Format numbers for tables: our shares as percent with one decimal, the paper's percent as it prints them."""

from __future__ import annotations

from evals.analysis.comparison import Comparison, ComparisonRow
from evals.analysis.published.lint import ROUNDING
from evals.statistics.intervals import AVERAGE, Estimate

MINUS = "\u2212"


def percent(share: float) -> str:
    """``0.4123`` -> ``41.2``."""
    return f"{100 * share:.1f}"


def interval(estimate: Estimate, signed: bool = False) -> str:
    """``[37.1, 45.4]``, with signs for differences."""
    low, high = (points(value) if signed else percent(value) for value in (estimate.low, estimate.high))
    return f"[{low}, {high}]"


def points(share: float) -> str:
    """A difference in points with its sign, ``+3.2``; the minus is the character U+2212; ``0.0`` has no sign."""
    text = f"{100 * share:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", MINUS)


def signed_two(value: float) -> str:
    """A number with its sign and two decimals, ``+0.31``; the minus is the character U+2212."""
    return f"{value:+z.2f}".replace("-", MINUS)


def rates(row: ComparisonRow, column: str) -> str:
    """``u 2.0 t 0.5``: unparsed and truncated answers in percent."""
    return f"u {percent(row.unparsed[column])} t {percent(row.truncated[column])}"


def paper_number(table: Comparison, row: ComparisonRow, column: str) -> str:
    """The paper's number as printed; ``?`` if it is not known, empty if the paper has none or it must not be shown."""
    if row.paper is None or not table.comparable(column):
        return ""
    value = row.paper.average if column == AVERAGE else row.paper.cells.get(column)
    if value is None:
        return "?"
    again = row.paper.recomputed if column == AVERAGE else None
    return f"{value:.2f}" + (f" ({again:.2f})" if again is not None and abs(again - value) > ROUNDING else "")
