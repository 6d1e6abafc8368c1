"""A ratio of two means over pairs, with its interval. No torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import stats


@dataclass(frozen=True)
class Ratio:
    """A ratio of two means with its 95 % interval, whose ends are None if there is only one pair."""

    value: float
    low: float | None
    high: float | None


def ratio_of_means(
    ours: Float[np.ndarray, " N"],
    theirs: Float[np.ndarray, " N"],
    strata: Int[np.ndarray, " N"],
    runs: Int[np.ndarray, " N"],
    level: float = 0.95,
) -> Ratio:
    """mean(ours) / mean(theirs) of N >= 1 positive pairs, its interval by linearisation and Student's t.

    ``runs`` numbers the pairs of runs from 0. With several runs the interval is over runs, because all steps of a run
    share what else the machine did. With one run it covers only the noise of its pairs, which count as independent
    within their kind. ``strata`` numbers the kinds from 0; differences between kinds are not noise.
    """
    value, count = float(ours.mean() / theirs.mean()), int(runs.max()) + 1
    rest = (ours - value * theirs) / theirs.mean()
    if count > 1:
        rest, df = np.bincount(runs, rest), count - 1
        error = (rest @ rest * count / df) ** 0.5 / len(ours)
    else:
        df = len(ours) - int(strata.max()) - 1
        rest = rest - (np.bincount(strata, rest) / np.bincount(strata))[strata]
        error = (rest @ rest / df / len(ours)) ** 0.5 if df > 0 else None
    if error is None:
        return Ratio(value, None, None)
    half = float(stats.t.ppf((1 + level) / 2, df)) * float(error)
    return Ratio(value, value - half, value + half)
