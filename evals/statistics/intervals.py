"""Intervals for accuracies and contrasts of accuracies, over seeds and questions. Shares (0-1) throughout; no torch.

Two things are random: which questions a benchmark happens to hold (variants of one seed problem together), and the
seed, which decides the base model's draw, the order of problems, the adapter, the rollouts and the evaluation. Both
are crossed: every seed answers every question. A 95 % interval is a statement on the mean over all seeds and
questions like these. :mod:`evals.statistics.variance` says how wide it is and why it is not the percentiles of a
hierarchical bootstrap: with few seeds those cover too little (``docs/statistics.md`` has both).

With one seed an interval covers questions and chance in answers only: it says nothing about another base draw or
training run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scipy import special

from evals.statistics.panels import Term, paired_terms
from evals.statistics.variance import ContrastVariance, Weights, variance_of

AVERAGE = "average"  # key of the unweighted mean over benchmarks


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval, as shares."""

    value: float
    low: float
    high: float
    seeds: int  # of a contrast: the fewest of its sides
    n: int  # questions per seed
    variance: ContrastVariance | None = field(default=None, repr=False, compare=False)  # None: not from answers

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


def accuracies(panels: Term, level: float = 0.95) -> dict[str, Estimate]:
    """Interval of each benchmark's mean and of their :data:`AVERAGE`: Wilson's, with the effective number of questions.

    Where every answer is wrong (or right) the questions count as independent: nothing shows how alike they are.
    """
    return {key: _wilson(panels, weights, level) for key, weights in _reported(list(panels)).items()}


def differences(ours: Term, theirs: Term, level: float = 0.95) -> dict[str, Estimate]:
    """Interval of ``ours - theirs`` on each benchmark that both have, and of their :data:`AVERAGE`; paired by question.

    Sides with the same seeds are paired by seed as well (a seed has one base draw for all methods, the untrained base
    included); otherwise their seeds are independent. Raises ValueError if
    the two answered different questions.
    """
    shared = [name for name in ours if name in theirs]
    terms = paired_terms(ours, theirs, shared)
    return {key: contrast(terms, weights, level) for key, weights in _reported(shared).items()}


def contrast(
    terms: Sequence[Term], weights: Weights, level: float = 0.95, bound: float = 1.0, answer: float = 1.0
) -> Estimate:
    """Interval of the weighted sum of benchmark means, summed over ``terms``; no wider than -``bound`` to ``bound``.

    The variance is at least that of one more question going each way by ``answer``, so that equal models are not
    certainly equal; 0 for quantities that are not right or wrong.
    """
    value = sum(weight * float(term[name].means.mean()) for term in terms for name, weight in weights.items())
    floor = sum(2 * (answer * weight / (len(terms[0][name].clusters) + 2)) ** 2 for name, weight in weights.items())
    variance = variance_of(terms, weights).at_least(floor)
    half = variance.half_width(level)
    seeds = min(len(term[name].values) for term in terms for name in weights)
    items = sum(len(terms[0][name].clusters) for name in weights)
    return Estimate(value, max(value - half, -bound), min(value + half, bound), seeds, items, variance)


def equal_weights(names: Sequence[str]) -> dict[str, float]:
    """The weights of a plain average."""
    return dict.fromkeys(names, 1 / len(names)) if names else {}


def _reported(names: list[str]) -> Mapping[str, Weights]:
    """What is weighed for each reported number."""
    return {name: {name: 1.0} for name in names} | ({AVERAGE: equal_weights(names)} if names else {})


def _wilson(panels: Term, weights: Weights, level: float) -> Estimate:
    """Wilson's score interval for the number of trials that gives the half-width of :class:`ContrastVariance`."""
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
