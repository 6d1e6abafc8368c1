"""Prefixes of a rollout: where to ask for their values, and the advantage of what lies between two of them."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def before_end(mask: Float[Tensor, "B T"]) -> Bool[Tensor, "B T"]:
    """Response tokens but the last: after that one the reward is known and needs no estimate."""
    following = torch.nn.functional.pad(mask, (0, 1))[:, 1:]
    return (mask > 0) & (following > 0)


def uncertain(logp: Float[Tensor, "B T"], mask: Float[Tensor, "B T"], probability: float) -> Bool[Tensor, "B T"]:
    """Response tokens that the policy gave less than ``probability``; ``logp`` in nats."""
    return (logp.exp() < probability) & (mask > 0)


def before_every(marked: Bool[Tensor, "B T"], interval: int) -> Bool[Tensor, "B T"]:
    """The token before the 1st, (1 + interval)th, ... marked token of each row; one before the response is left out."""
    count = marked.cumsum(1)
    chosen = marked & ((count - 1) % interval == 0)
    return torch.nn.functional.pad(chosen, (0, 1))[:, 1:]


def segment_advantage(
    known: Bool[Tensor, "B T"],
    prefix: Float[Tensor, "B T"],
    start: Float[Tensor, " B"],
    reward: Float[Tensor, " B"],
    mask: Float[Tensor, "B T"],
) -> Float[Tensor, "B T"]:
    """V(end of the token's segment) - V(its start), on each response token; segments end at known tokens.

    ``prefix`` holds the value after each known token, ``start`` that of the prompt; the value of a complete response is
    its reward. Summed once per segment the advantages of a response telescope to reward - start. Padding is 0.
    VinePPO (arXiv:2410.01679, section 4) with gamma = 1; SPO (arXiv:2505.23564, section 4).
    """
    last = mask.sum(1).long() - 1
    rows, length = torch.arange(len(mask), device=mask.device), mask.shape[1]
    ends, values = known & (mask > 0), prefix.clone()
    ends[rows, last], values[rows, last] = True, reward
    place = torch.arange(length, device=mask.device).expand_as(mask)
    next_end = torch.where(ends, place, length - 1).flip(1).cummin(1).values.flip(1)
    earlier = torch.nn.functional.pad(torch.where(ends, place, -1)[:, :-1], (1, 0), value=-1).cummax(1).values
    before = torch.where(earlier < 0, start[:, None], values.gather(1, earlier.clamp(min=0)))
    return (values.gather(1, next_end) - before) * mask


def whitened(values: Float[Tensor, "B T"], mask: Float[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    """(values - mean) / (std + 1e-8) over all response tokens, std unbiased; padding is 0.

    Sums run in float64, so the order of the rollouts does not show in the result. A batch of one token, or of equal
    values, becomes 0.
    """
    counted = values[mask > 0].double().sort().values
    if len(counted) < 2:
        return torch.zeros_like(values)
    return ((values.double() - counted.mean()) / (counted.std() + 1e-8)).to(values.dtype) * mask
