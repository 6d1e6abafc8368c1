"""How well credit agrees with the advantages of tokens, where these are known only with noise. No torch.

Within a rollout, tokens are compared with the rollout's own mean. Each token's advantage was measured twice, with
independent noise, so that a product of the two measurements is free of noise on average: noise neither lowers the
correlations (attenuation, Spearman 1904) nor counts as variance that credit failed to explain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy import stats

LEVEL = 0.95
EVEN = 1e-12  # of the sum of squares: credit that varies less within its rollouts is uniform, up to rounding

Values = Float[np.ndarray, " T"]


@dataclass(frozen=True)
class MeasuredTokens:
    """The tokens of one rollout: credit, and two independent measurements of their advantages."""

    problem: str
    credit: Values
    first: Values
    second: Values

    @cached_property
    def products(self) -> Float[np.ndarray, " 6"]:
        """Sums of products in the order of :class:`Moments`; kept, since the jackknife asks for them again."""
        return _products(self.credit, self.first, self.second)

    @cached_property
    def rank_products(self) -> Float[np.ndarray, " 6"]:
        """The same of the ranks in the rollout, over its length."""
        return _products(*(stats.rankdata(values) / len(values) for values in (self.credit, self.first, self.second)))

    @cached_property
    def credit_size(self) -> float:
        """Sum of the squares of the credit."""
        return float(self.credit @ self.credit)


@dataclass(frozen=True)
class Moments:
    """Sums over the tokens of all rollouts, each rollout about its own mean."""

    credit: float  # of credit with itself
    with_first: float  # of credit with the first measurement
    with_second: float
    first: float  # of each measurement with itself
    second: float
    truth: float  # of the two measurements: free of noise


@dataclass(frozen=True)
class TruthEstimate:
    """A number and its 95 % interval over problems; without bounds where there are too few."""

    value: float
    low: float | None
    high: float | None
    problems: int


Agreement = Callable[[Sequence[MeasuredTokens]], float | None]


def moments(rollouts: Sequence[MeasuredTokens], ranks: bool = False) -> Moments:
    """The sums of products; with ``ranks`` values are replaced by their ranks in the rollout, over its length."""
    total = np.zeros(6)
    for rollout in rollouts:
        total += rollout.rank_products if ranks else rollout.products
    return Moments(*total.tolist())


def correlation(rollouts: Sequence[MeasuredTokens]) -> float | None:
    """Correlation of credit and true advantage within rollouts. None for uniform credit, or where noise is too strong.

    Corrected for noise; by chance it may pass 1.
    """
    found = moments(rollouts)
    if _uniform(rollouts, found) or found.truth <= 0:
        return None
    return (found.with_first + found.with_second) / 2 / math.sqrt(found.credit * found.truth)


def explained(rollouts: Sequence[MeasuredTokens]) -> float | None:
    """Share of the true variance within rollouts that the best multiple of the credit explains.

    The square of the correlation, without the bias that squared noise has; by chance it may fall below 0 or pass 1.
    Uniform credit explains none of it: 0. None where noise is too strong.
    """
    found = moments(rollouts)
    if found.truth <= 0:
        return None
    return 0.0 if _uniform(rollouts, found) else found.with_first * found.with_second / (found.credit * found.truth)


def rank_correlation(rollouts: Sequence[MeasuredTokens]) -> float | None:
    """Spearman's correlation within rollouts, divided by the root of the truth's own rank reliability.

    None for uniform credit, or where the two measurements rank tokens in no common order.
    """
    found = moments(rollouts, ranks=True)
    if _uniform(rollouts, moments(rollouts)) or min(found.truth, found.first, found.second) <= 0:
        return None
    each = found.with_first / math.sqrt(found.first) + found.with_second / math.sqrt(found.second)
    reliability = found.truth / math.sqrt(found.first * found.second)
    return each / 2 / math.sqrt(found.credit * reliability)


def reliability(rollouts: Sequence[MeasuredTokens]) -> float | None:
    """Share of the variance of the mean of both measurements that is no noise."""
    found = moments(rollouts)
    both = (found.first + found.second + 2 * found.truth) / 4
    return found.truth / both if both > 0 else None


def over_problems(
    rollouts: Sequence[MeasuredTokens], agreement: Agreement, level: float = LEVEL
) -> TruthEstimate | None:
    """The agreement with an interval by the jackknife, one problem with all its rollouts left out at a time.

    None where the agreement cannot be computed; without bounds for fewer than three problems, or where it cannot be
    computed when some problem is left out.
    """
    value, problems = agreement(rollouts), list(dict.fromkeys(one.problem for one in rollouts))
    if value is None:
        return None
    rest = [agreement([one for one in rollouts if one.problem != left]) for left in problems] if problems[2:] else []
    known = np.array([one for one in rest if one is not None])
    if not rest or len(known) < len(rest):
        return TruthEstimate(value, None, None, len(problems))
    count = len(known)
    error = math.sqrt((count - 1) / count * float(((known - known.mean()) ** 2).sum()))
    half = float(stats.t.ppf((1 + level) / 2, count - 1)) * error
    return TruthEstimate(value, value - half, value + half, count)


AGREEMENTS: dict[str, Agreement] = {
    "rank_correlation": rank_correlation, "correlation": correlation, "explained": explained,
}  # fmt: skip


def _products(credit: Values, first: Values, second: Values) -> Float[np.ndarray, " 6"]:
    credit, first, second = (values - values.mean() for values in (credit, first, second))
    pairs = ((credit, credit), (credit, first), (credit, second), (first, first), (second, second), (first, second))
    return np.array([float(a @ b) for a, b in pairs])


def _uniform(rollouts: Sequence[MeasuredTokens], found: Moments) -> bool:
    return found.credit <= EVEN * sum(one.credit_size for one in rollouts)
