"""From the scores of a process reward model to advantages of tokens."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

EPS, GUARD = 1e-6, 1e-4  # as for group advantages


def normalised_step_rewards(
    scores: Float[Tensor, "B T"], ends: Bool[Tensor, "B T"], group: Int[Tensor, " B"]
) -> Float[Tensor, "B T"]:
    """(score - mean) / (std + eps) at the ends of steps, over all steps of all rollouts of a group; 0 elsewhere.

    std is unbiased; a group whose steps all have one score gets 0. Sums run in float64 from small to large.
    DeepSeekMath (arXiv:2402.03300), section 4.1.3.
    """
    rewards = torch.zeros_like(scores)
    for name in group.unique():
        here = ends & (group == name)[:, None]
        found = scores[here].double()
        if len(found) < 2:
            continue
        ordered = found.sort().values
        std = ordered.std()
        if std >= GUARD:
            rewards[here] = ((found - ordered.mean()) / (std + EPS)).to(scores.dtype)
    return rewards


def steps_to_come(rewards: Float[Tensor, "B T"], mask: Float[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    """For each token the sum of the rewards of the steps that end at it or later. DeepSeekMath, section 4.1.3."""
    total = rewards.double().flip(1).cumsum(1).flip(1)
    return (total * mask).to(mask.dtype)


def with_outcome(
    known: Bool[Tensor, "B T"], scores: Float[Tensor, "B T"], reward: Float[Tensor, " B"], mask: Float[Tensor, "B T"]
) -> tuple[Float[Tensor, "B T"], Bool[Tensor, "B T"]]:
    """Scores and ends of all steps: those of the lines, and at the last token the verified reward."""
    last, rows = mask.sum(1).long() - 1, torch.arange(len(mask), device=mask.device)
    ends, found = known & (mask > 0), scores.clone()
    ends[rows, last], found[rows, last] = True, reward.to(scores.dtype)
    return found, ends
