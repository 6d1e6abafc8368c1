"""Intervals for accuracies and contrasts of accuracies, over seeds and questions. Shares (0-1) throughout; no torch.

Two things are random: which questions a benchmark happens to contain (variants of one seed problem count together), and
the seed, which decides the base model's draw, the order of problems, the adapter, the rollouts and the evaluation. They
are crossed: every seed answers every question. A 95 % interval is a statement about the mean over all seeds and
questions of this kind. :mod:`evals.statistics.variance` computes how wide it is. A hierarchical bootstrap is not used,
because its intervals are too short with few seeds (``docs/statistics.md`` compares both).

With one seed an interval covers only questions and chance in answers. It says nothing about another draw of the base
model or another training run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from scipy import special

from evals.statistics.panels import Term, paired_terms
from evals.statistics.variance import ContrastVariance, Weights, variance_of

AVERAGE = "average"  # key of the unweighted mean over benchmarks


class Bounded(Protocol):
    """A number with an interval, where that is known."""

    @property
    def value(self) -> float: ...  # noqa: D102
    @property
    def low(self) -> float | None: ...  # noqa: D102
    @property
    def high(self) -> float | None: ...  # noqa: D102


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval, as shares."""

    value: float
    low: float
    high: float
    seeds: int  # of a contrast: the smaller number of its two sides
    n: int  # questions per seed
    variance: ContrastVariance | None = field(
        default=None, repr=False, compare=False
    )  # None: not computed from answers

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


def accuracies(panels: Term, level: float = 0.95) -> dict[str, Estimate]:
    """Wilson's interval of each benchmark's mean and of their :data:`AVERAGE`, for the effective number of questions.

    If all answers are wrong (or all right), questions count as independent, since nothing shows how alike they are.
    """
    return {key: _wilson(panels, weights, level) for key, weights in _reported(list(panels)).items()}


def differences(ours: Term, theirs: Term, level: float = 0.95) -> dict[str, Estimate]:
    """Interval of ``ours - theirs`` on each benchmark that both have, and of their :data:`AVERAGE`; paired by question.

    Sides are paired by the seeds that both have (a seed has one base draw for all methods, the untrained base too), and
    other seeds are left out; where they share none, their seeds count as independent. Raises ValueError if the two
    answered different questions.
    """
    shared = [name for name in ours if name in theirs]
    terms = paired_terms(ours, theirs, shared)
    return {key: contrast(terms, weights, level) for key, weights in _reported(shared).items()}


def contrast(
    terms: Sequence[Term], weights: Weights, level: float = 0.95, bound: float = 1.0, answer: float = 1.0
) -> Estimate:
    """Interval of the weighted sum of benchmark means, summed over ``terms`` and cut to -``bound`` to ``bound``.

    The variance is at least that of two more questions, one for each side, that differ by ``answer``; so two models
    that gave equal answers are not taken for certainly equal. ``answer`` is 0 for quantities that are not right or
    wrong.
    """
    value = sum(weight * float(term[name].means.mean()) for term in terms for name, weight in weights.items())
    floor = sum(2 * (answer * weight / (len(terms[0][name].clusters) + 2)) ** 2 for name, weight in weights.items())
    variance = variance_of(terms, weights).at_least(floor)
    half = variance.half_width(level)
    seeds = min(len(term[name].values) for term in terms for name in weights)
    items = sum(len(terms[0][name].clusters) for name in weights)
    return Estimate(value, max(value - half, -bound), min(value + half, bound), seeds, items, variance)


def equal_weights(names: Sequence[str]) -> dict[str, float]:
    """Return the weights of a plain average."""
    return dict.fromkeys(names, 1 / len(names)) if names else {}


def _reported(names: list[str]) -> Mapping[str, Weights]:
    """Return the benchmarks that each reported number averages, with their weights."""
    return {name: {name: 1.0} for name in names} | ({AVERAGE: equal_weights(names)} if names else {})


def _wilson(panels: Term, weights: Weights, level: float) -> Estimate:
    """Wilson's score interval for that number of trials which gives the half-width of :class:`ContrastVariance`."""
    items = sum(len(panels[name].clusters) for name in weights)
    share = sum(weight * float(panels[name].means.mean()) for name, weight in weights.items())
    variance = variance_of([panels], weights)
    half = variance.half_width(level)
    normal = float(special.ndtri((1 + level) / 2))
    ratio = half**2 / (share * (1 - share)) if half else normal**2 / items  # squared quantile over trials
    middle = (share + ratio / 2) / (1 + ratio)
    reach = (ratio * (share * (1 - share) + ratio / 4)) ** 0.5 / (1 + ratio)
    seeds = min(len(panels[name].values) for name in weights)
    return Estimate(share, max(middle - reach, 0.0), min(middle + reach, 1.0), seeds, items, variance)
