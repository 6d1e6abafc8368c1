"""Preference optimisation with weights on tokens, and the contrastive estimation that finds critical tokens."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def contrastive_score(
    positive: Float[Tensor, "N V"], negative: Float[Tensor, "N V"], tokens: Int[Tensor, " N"], weight: float
) -> Float[Tensor, " N"]:
    """softmax((1 + weight) log p - weight log q) at each token, in [0, 1]; low: the token is critical.

    ``positive`` and ``negative``: logits of both models. arXiv:2411.19943v3, equation 1; released code
    (Critical-Tokens-Matter @228991e): src/pipeline.py:228-229, with weight 1.
    """
    mixed = (1 + weight) * positive.log_softmax(-1) - weight * negative.log_softmax(-1)
    return mixed.softmax(-1).gather(1, tokens[:, None])[:, 0]


def preference_credit(
    log_ratio: Float[Tensor, "B T"],
    weight: Float[Tensor, "B T"],
    right: Bool[Tensor, " B"],
    group: Int[Tensor, " B"],
    mask: Float[Tensor, "B T"],
    scale: float,
    pairing: Literal["sequence", "position"] = "sequence",
) -> Float[Tensor, "B T"]:
    """Credit whose policy gradient is that of a token-weighted DPO loss, averaged over tokens as surrogates are.

    The loss of a right and a wrong rollout of one group is -log sigmoid(scale * (m_right - m_wrong)), where m sums
    ``weight`` times ``log_ratio`` (nats, policy over reference) over the tokens. With ``pairing="position"`` tokens at
    the same place are compared, each place a loss of its own; a pair has the mean over the places of the longer one.
    Groups have the mean over all their pairs, a batch the mean over groups with pairs. ``weight`` counts as a constant.
    """
    terms = scale * selected_terms(log_ratio, weight, mask)
    if pairing == "sequence":
        terms = terms.sum(1, keepdim=True)
    credit, groups = torch.zeros_like(terms).expand(mask.shape).clone(), 0
    for name in group.unique():
        better = ((group == name) & right).nonzero()[:, 0]
        worse = ((group == name) & ~right).nonzero()[:, 0]
        if not len(better) or not len(worse):
            continue
        groups += 1
        pull = torch.sigmoid(-(terms[better][:, None] - terms[worse][None, :]))  # (right, wrong, T or 1)
        if pairing == "position":
            length = mask.sum(1)
            pull = pull / torch.maximum(length[better][:, None], length[worse][None, :])[..., None]
        pairs = len(better) * len(worse)
        credit[better] += ordered_sum(pull, 1) / pairs
        credit[worse] -= ordered_sum(pull, 0) / pairs
    every = mask.sum().double() / max(groups, 1)  # undoes the mean over tokens
    return (scale * weight * mask * credit * every).to(mask.dtype)


def selected_terms(
    log_ratio: Float[Tensor, "B T"], weight: Float[Tensor, "B T"], mask: Float[Tensor, "B T"]
) -> Float[Tensor, "B T"]:
    """weight * log_ratio on response tokens, 0 on padding, in float64: sums do not depend on the padding's width."""
    return (weight.double() * log_ratio.double()).where(mask > 0, 0.0)


def ordered_sum(values: Float[Tensor, "R W L"], dim: int) -> Float[Tensor, "N L"]:
    """The sum over ``dim``, taken from small to large, so that the order of the rollouts does not change a bit."""
    return values.sort(dim).values.sum(dim)
