"""GRPO: every token of a rollout gets the group-normalised advantage of its rollout (the paper's baseline)."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from methods.base import Method, Rollouts
from methods.shared.credit import uniform_credit


@dataclass(frozen=True)
class Grpo(Method):
    """No options of its own; learning rate 1e-6 (paper section 4; released code: experiments/geo/grpo.sh:29)."""

    def credit(self, batch: Rollouts, step: int) -> Float[Tensor, "B T"]:
        """Return the rollout's advantage for each of its tokens."""
        return uniform_credit(batch.advantage, batch.mask)
