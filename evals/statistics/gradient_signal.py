"""Signal, noise and direction of each method's gradient, from inner products of the gradients of K batches. No torch.

A credit method changes training only through the gradient of a batch. g[b, m] is the gradient of method m on batch b;
all methods have the same rollouts. Everything here is computed from the inner products g[b, m] . g[b', n], the Gram
matrix. For two different batches the expected product is E g(m) . E g(n), because the noise of independent batches
cancels.

A number that cannot be computed is None, never 0: with few batches an estimated signal may be negative.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True)
class BatchProducts:
    """Those inner products of the gradients of K batches and M methods that the estimates need."""

    within: Float[np.ndarray, "K M M"]  # g[b, m] . g[b, n]
    across: Float[np.ndarray, "K K M M"]  # (g[b, m] . g[b', n] + g[b', m] . g[b, n]) / 2; 0 where b = b'

    @property
    def batches(self) -> int:
        """Number of batches, K."""
        return len(self.within)

    def mean(self) -> GradientMoments:
        """Moments over all batches. Raises ValueError for fewer than two batches."""
        if self.batches < 2:
            raise ValueError(f"{self.batches} batches: a signal needs two at least")
        pairs = self.batches * (self.batches - 1)
        return GradientMoments(self.across.sum((0, 1)) / pairs, self.within.mean(0))

    def without_one(self) -> Iterator[GradientMoments]:
        """Yield the moments without batch 0, without batch 1, and so on. ValueError for fewer than three batches."""
        if self.batches < 3:
            raise ValueError(f"{self.batches} batches: leaving one out needs three at least")
        pairs = (self.batches - 1) * (self.batches - 2)
        across, within, mine = self.across.sum((0, 1)), self.within.sum(0), self.across.sum(1)
        for batch in range(self.batches):
            rest = across - 2 * mine[batch]
            yield GradientMoments(rest / pairs, (within - self.within[batch]) / (self.batches - 1))


@dataclass(frozen=True)
class GradientMoments:
    """Unbiased estimates of the two moments from which all measures are computed."""

    signal: Float[np.ndarray, "M M"]  # E g(m) . E g(n); its diagonal is the signal of each method
    power: Float[np.ndarray, "M M"]  # E [g(m) . g(n)] of one batch; its diagonal is the power of each method


@dataclass(frozen=True)
class GradientEstimate:
    """A number and its 95 % interval over batches. Without bounds if there are too few batches."""

    value: float
    low: float | None
    high: float | None


Measure = Callable[[GradientMoments], float | None]


def products_of(gradients: Float[np.ndarray, "K M D"]) -> BatchProducts:
    """Inner products of gradients, or of sketches of them."""
    flat = np.asarray(gradients, dtype=np.float64)
    batches, methods, _ = flat.shape
    rows = flat.reshape(batches * methods, -1)
    return products_of_gram((rows @ rows.T).reshape(batches, methods, batches, methods))


def products_of_gram(gram: Float[np.ndarray, "K M K M"]) -> BatchProducts:
    """Inner products from the complete Gram matrix, gram[b, m, b', n] = g[b, m] . g[b', n]."""
    blocks = np.asarray(gram, dtype=np.float64).transpose(0, 2, 1, 3)  # (K, K, M, M)
    each = np.arange(len(blocks))
    within, across = blocks[each, each], (blocks + blocks.transpose(0, 1, 3, 2)) / 2
    across[each, each] = 0.0
    return BatchProducts(within, across)


def snr(method: int) -> Measure:
    """Signal to noise of one batch: |E g|^2 / (E |g|^2 - |E g|^2)."""

    def measure(moments: GradientMoments) -> float | None:
        signal, power = moments.signal[method, method], moments.power[method, method]
        return float(signal / (power - signal)) if 0 < signal < power else None

    return measure


def samples(method: int, baseline: int) -> Measure:
    """SNR(baseline) / SNR(method): how many rollouts the method needs where the baseline needs one."""

    def measure(moments: GradientMoments) -> float | None:
        own, other = snr(method)(moments), snr(baseline)(moments)
        return None if own is None or other is None else other / own

    return measure


def direction(method: int, target: int) -> Measure:
    """Cosine of the expected gradients of two methods, from pairs of different batches. By chance it may exceed 1."""

    def measure(moments: GradientMoments) -> float | None:
        own, other = moments.signal[method, method], moments.signal[target, target]
        return float(moments.signal[method, target] / math.sqrt(own * other)) if own > 0 and other > 0 else None

    return measure


def progress(method: int, target: int) -> Measure:
    """Cosine of one batch's gradient and the target's expected gradient: E g(m) . E g(target) / (rms |g(m)| |E g|)."""

    def measure(moments: GradientMoments) -> float | None:
        own, other = moments.power[method, method], moments.signal[target, target]
        return float(moments.signal[method, target] / math.sqrt(own * other)) if own > 0 and other > 0 else None

    return measure


def difference(ours: Measure, theirs: Measure) -> Measure:
    """``ours - theirs`` on the same batches. Chance that both share cancels, which makes the interval shorter."""

    def measure(moments: GradientMoments) -> float | None:
        own, other = ours(moments), theirs(moments)
        return None if own is None or other is None else own - other

    return measure


def estimate(products: BatchProducts, measure: Measure, level: float = LEVEL) -> GradientEstimate | None:
    """Estimate the measure over all batches, with an interval by the jackknife (one batch left out) and Student's t.

    Efron and Stein 1981: var = (K - 1) / K * sum of (value without b - mean of these)^2. None where the measure cannot
    be computed. Without bounds for K = 2, and where it cannot be computed when some batch is left out.
    """
    value = measure(products.mean())
    if value is None:
        return None
    half = _half_width(_values_without_one(products, measure), level)
    return GradientEstimate(value, None, None) if half is None else GradientEstimate(value, value - half, value + half)


def ratio_estimate(products: BatchProducts, measure: Measure, level: float = LEVEL) -> GradientEstimate | None:
    """Like :func:`estimate` for a positive measure, such as SNR or samples. The interval is computed for its log."""

    def log_of(moments: GradientMoments) -> float | None:
        value = measure(moments)
        return math.log(value) if value is not None and value > 0 else None

    logarithm = estimate(products, log_of, level)
    if logarithm is None:
        return None
    bounds = (None if bound is None else math.exp(bound) for bound in (logarithm.low, logarithm.high))
    return GradientEstimate(math.exp(logarithm.value), *bounds)


def _values_without_one(products: BatchProducts, measure: Measure) -> list[float | None]:
    return [measure(moments) for moments in products.without_one()] if products.batches > 2 else []


def _half_width(values: list[float | None], level: float) -> float | None:
    known = np.array([value for value in values if value is not None])
    if not values or len(known) < len(values):
        return None
    count = len(values)
    error = math.sqrt((count - 1) / count * float(((known - known.mean()) ** 2).sum()))
    return float(stats.t.ppf((1 + level) / 2, count - 1)) * error
