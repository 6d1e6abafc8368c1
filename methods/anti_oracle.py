"""Anti-oracle: credit on filler tokens only, which neither decide the answer nor slip, by the world's labels.

This is a negative control: nothing about the answer can be learned from these tokens. If its accuracy rises, something
other than credit causes that. A rollout whose chain cannot be read has no labels and gets no credit.
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
    """Needs the labels of tokens, so it is refused in a world that has none."""

    control: ClassVar[bool] = True
    labels: ClassVar[bool] = True

    def credit(self, batch: Rollouts, step: int) -> Float[Tensor, "B T"]:
        """Return the rollout's advantage for its filler tokens, and 0 for the others."""
        return uniform_credit(batch.advantage, batch.mask) * batch.labels["filler"]
