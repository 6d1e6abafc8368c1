"""The number behind a claim about gradients, from the lines of ``gradients/estimates.jsonl``. No torch."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.gradients import GradientLine
from evals.analysis.claims.numbers import Measured, Missing
from evals.analysis.claims.records import Gradients
from evals.analysis.gradient_results import MeasuredGradients


def measure_gradients(part: Gradients, lines: Sequence[GradientLine]) -> Measured | Missing:
    """Mean over seeds with Student's interval over them; with one seed, the interval over its batches."""
    if not lines:
        return Missing("not measured: there is no file of gradients", [])
    measured = MeasuredGradients(lines, [])
    found = measured.number(part.scale, part.state, part.quantity, part.ours, part.theirs)
    if found is None:
        return Missing(f"not measured: {part.quantity} of {' over '.join(part.arms)}, {part.scale}, {part.state}", [])
    return Measured(found.value, found.low, found.high, found.seeds, [], found.covers)
