"""How a measured number and the bounds of its interval are written to a file: with six significant digits."""

from __future__ import annotations

DIGITS = 6


def rounded(value: float) -> float:
    """The number with six significant digits."""
    return float(f"{value:.{DIGITS}g}")


def rounded_bound(value: float | None) -> float | None:
    """The same of a bound; None where it is not known."""
    return None if value is None else rounded(value)
