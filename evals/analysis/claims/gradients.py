"""The number behind a claim about gradients, from the lines of ``gradients/estimates.jsonl``. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evals.analysis.claims.numbers import Measured, Missing
from evals.analysis.claims.records import GradientLine, Gradients
from evals.statistics.variance import quantile_of

LEVEL = 0.95


def measure_gradients(part: Gradients, lines: Sequence[GradientLine]) -> Measured | Missing:
    """Mean over base draws with Student's interval over them; with one draw, the interval over its batches.

    Base draws are what is repeated. Each draw's number also holds the chance of its batches, so the interval over
    draws covers both.
    """
    if not lines:
        return Missing("not measured: there is no file of gradients", [])
    wanted = (part.scale, part.state, part.quantity, _arm(part.ours), part.theirs and _arm(part.theirs))
    chosen = [line for line in lines if _key(line) == wanted]
    if not chosen:
        return Missing(f"not measured: {part.quantity} of {' over '.join(part.arms)}, {part.scale}, {part.state}", [])
    values = np.array([line.value for line in chosen])
    if len(chosen) == 1:
        return Measured(chosen[0].value, chosen[0].low, chosen[0].high, 1, [], "batches of one base draw")
    half = quantile_of(len(values) - 1, LEVEL) * float(values.std(ddof=1)) / len(values) ** 0.5
    mean = float(values.mean())
    return Measured(mean, mean - half, mean + half, len(values), [], "base draws and batches")


def _key(line: GradientLine) -> tuple[str, str, str, str, str | None]:
    return line.scale, line.state, line.quantity, _arm(line.method), line.theirs and _arm(line.theirs)


def _arm(name: str) -> str:
    """``cepo/default`` and ``cepo`` are the same arm."""
    return name.removesuffix("/default")
