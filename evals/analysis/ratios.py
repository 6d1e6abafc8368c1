"""A ratio of two means over pairs, with its interval. No torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import stats


@dataclass(frozen=True)
class Ratio:
    """A ratio of two means with its 95 % interval; None where one pair gives none."""

    value: float
    low: float | None
    high: float | None


def ratio_of_means(
    ours: Float[np.ndarray, " N"], theirs: Float[np.ndarray, " N"], strata: Int[np.ndarray, " N"], level: float = 0.95
) -> Ratio:
    """mean(ours) / mean(theirs) of N >= 1 positive pairs, its interval by linearisation and Student's t.

    ``strata`` numbers the kinds of pairs from 0; what lies between kinds is no noise. Within a kind pairs count as
    independent: of training steps, the interval covers their noise, not that of machines and days.
    """
    value, df = float(ours.mean() / theirs.mean()), len(ours) - int(strata.max()) - 1
    if df < 1:
        return Ratio(value, None, None)
    rest = (ours - value * theirs) / theirs.mean()
    within = rest - (np.bincount(strata, rest) / np.bincount(strata))[strata]
    half = float(stats.t.ppf((1 + level) / 2, df)) * float((within @ within / df / len(ours)) ** 0.5)
    return Ratio(value, value - half, value + half)
