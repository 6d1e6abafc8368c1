"""Anti-oracle: credit on filler only, on tokens that neither decide the answer nor slip, as the world's labels say.

A control, not a rival: there is nothing to learn from these tokens. Where it learns, something else than credit does. A
rollout whose chain cannot be read has no labels and gets no credit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from methods.base import Method, Rollouts
from methods.shared.credit import uniform_credit


@dataclass(frozen=True)
class AntiOracle(Method):
    """Asks the world for the labels of tokens; a world without labels refuses it."""

    control: ClassVar[bool] = True
    labels: ClassVar[bool] = True

    def credit(self, batch: Rollouts, step: int) -> Float[Tensor, "B T"]:
        """The rollout's advantage on its filler tokens."""
        return uniform_credit(batch.advantage, batch.mask) * batch.labels["filler"]
