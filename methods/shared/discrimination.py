"""How well numbers tell two kinds of things apart. No torch."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import rankdata


def auroc(positive: Bool[np.ndarray, " N"], score: Float[np.ndarray, " N"]) -> float | None:
    """The chance that a positive one has the larger score than one that is not; ties count half.

    None if one of both kinds is missing. It is Mann and Whitney's U over its largest value. scikit-learn's
    ``roc_auc_score`` gives the same number; for the tokens of a step it takes 28 times as long.
    """
    there = int(positive.sum())
    others = len(score) - there
    if not there or not others:
        return None
    ranks = rankdata(score)  # from 1, equal scores share their mean rank
    return float((ranks[positive].sum() - there * (there + 1) / 2) / (there * others))
