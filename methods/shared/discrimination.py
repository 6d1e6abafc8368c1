"""How well numbers tell two kinds of things apart."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def auroc(score: Float[Tensor, " N"], positive: Bool[Tensor, " N"]) -> float | None:
    """The chance that a positive one has the larger score than one that is not; ties count half.

    None if one of both kinds is missing.
    """
    ordered, place = torch.unique(score.double(), return_inverse=True)
    counts = torch.bincount(place, minlength=len(ordered)).double()
    rank = counts.cumsum(0) - (counts - 1) / 2  # mean rank of each distinct value, from 1
    there = int(positive.sum())
    others = len(score) - there
    if not there or not others:
        return None
    return float((rank[place][positive].sum() - there * (there + 1) / 2) / (there * others))
