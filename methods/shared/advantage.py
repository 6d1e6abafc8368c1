"""Group advantage: how much better a rollout did than the other rollouts of its problem."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def group_advantage(
    reward: Float[Tensor, " B"],
    group: Int[Tensor, " B"],
    eps: float = 1e-6,
    guard: float = 1e-4,
    correct: Bool[Tensor, " B"] | None = None,
) -> Float[Tensor, " B"]:
    """A = (R - mean of its group) / (std of its group + eps), std unbiased; 0 where std < guard.

    Released code: verl/trainer/core_algos.py:178-218 (no guard: rounding of equal rewards can leave a tiny signed A).
    With ``correct`` (option ``drop_all_wrong``) groups without a right rollout get 0 as well. Sums run in float64, so
    the order of the rollouts does not change the result. A group of one rollout gets 0.
    """
    _, member = torch.unique(group, return_inverse=True)
    size = torch.bincount(member).double()
    mean = _group_sum(reward.double(), member, size) / size
    centred = reward.double() - mean[member]
    std = (_group_sum(centred.square(), member, size) / (size - 1).clamp(min=1)).sqrt()
    advantage = centred / (std[member] + eps)
    dead = std < guard
    if correct is not None:
        dead |= _group_sum(correct.double(), member, size) == 0
    return advantage.masked_fill(dead[member], 0.0).to(reward.dtype)


def group_mix(correct: Bool[Tensor, " B"], group: Int[Tensor, " B"]) -> dict[str, float]:
    """Shares of groups that are ``all_right``, ``mixed`` or ``all_wrong``. Binary rewards teach only in mixed ones."""
    _, member = torch.unique(group, return_inverse=True)
    size = torch.bincount(member).double()
    right = _group_sum(correct.double(), member, size) / size
    shares = {"all_right": right == 1, "mixed": (right > 0) & (right < 1), "all_wrong": right == 0}
    return {name: share.double().mean().item() for name, share in shares.items()}


def all_wrong_groups(correct: Bool[Tensor, " B"], group: Int[Tensor, " B"]) -> Bool[Tensor, " N"]:
    """True at each group, numbered 0 to N - 1 in ``group``, in which no rollout is right."""
    size = torch.bincount(group).double()
    return _group_sum(correct.double(), group, size) == 0


def _group_sum(
    values: Float[Tensor, " B"], member: Int[Tensor, " B"], size: Float[Tensor, " N"]
) -> Float[Tensor, " N"]:
    return torch.zeros_like(size).index_add_(0, member, values)
