"""Entropy: weigh each token by how uncertain the policy was when it sampled the token. There is no teacher.

This is a control. A token of which the policy is certain has almost no gradient, so weights that follow uncertainty may
look like good credit. A teacher is worth its cost only if it does better than this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from methods.base import Method, Rollouts
from methods.shared import schedule
from methods.shared.credit import token_credit, uniform_credit
from methods.shared.surrogate import selected

SMALLEST = 1e-12  # of an entropy over the mean; its logarithm is finite


@dataclass(frozen=True)
class Entropy(Method):
    """Weight: entropy of the token over the mean of its rollout, clipped to 1 -+ eps_w. lam falls as in CEPO."""

    control: ClassVar[bool] = True
    lam: float = 0.5  # share of token-level credit at the first step, in [0, 1]; as CEPO
    lam_schedule: Literal["linear", "constant"] = "linear"
    decay_steps: int = 25  # rollout steps until lam is 0 (linear); as CEPO
    eps_w: float = 0.5  # half-width of the clip on a token's weight; as CEPO

    def credit(self, batch: Rollouts, step: int) -> Float[Tensor, "B T"]:
        """Return the advantage of each token; the same as GRPO's once lam is 0."""
        lam = schedule.lam_at(step, self.lam, self.lam_schedule, self.decay_steps, "from_zero")
        if lam == 0:
            return uniform_credit(batch.advantage, batch.mask)
        if batch.entropy is None:
            raise ValueError("rollouts without entropy: an engine gives it to every hook that credits tokens")
        # token_credit multiplies evidence by the sign of the advantage. Entropy has no such sign, so it is undone here.
        evidence = torch.sign(batch.advantage)[:, None] * relative_entropy(batch.entropy, batch.mask).log()
        return token_credit(batch.advantage, evidence, lam, self.eps_w, batch.mask)


def relative_entropy(entropy: Float[Tensor, "B T"], mask: Float[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    """Divide each token's entropy by the mean of its rollout, so that it is 1 on average; at least :data:`SMALLEST`."""
    total = selected(entropy, mask).double().sum(1, keepdim=True)
    mean = total / mask.double().sum(1, keepdim=True).clamp(min=1.0)
    return (entropy / mean.clamp(min=SMALLEST)).clamp(min=SMALLEST).to(entropy.dtype)
