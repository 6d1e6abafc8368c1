"""Oracle: credit only where a right rollout decided and where a wrong one slipped, as the world's labels say.

A control, not a rival: the best that credit assignment can do. Where it cannot be told from GRPO, nothing can be said
about any other method. A rollout whose chain cannot be read has no labels and gets no credit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from methods.base import Method, Rollouts
from methods.shared.credit import uniform_credit


@dataclass(frozen=True)
class Oracle(Method):
    """Asks the world for the labels of tokens; a world without labels refuses it."""

    control: ClassVar[bool] = True
    labels: ClassVar[bool] = True
    share: float = 0.0  # of the credit that every token gets, labelled or not, in [0, 1]; 1 is GRPO

    def credit(self, batch: Rollouts, step: int) -> Float[Tensor, "B T"]:
        """The advantage at decisive tokens where it is positive and at slips where it is negative."""
        positive = (batch.advantage > 0)[:, None]
        marked = batch.labels["decisive"].where(positive, batch.labels["slipped"])
        return uniform_credit(batch.advantage, batch.mask) * (self.share + (1.0 - self.share) * marked)
