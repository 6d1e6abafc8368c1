"""Oracle: credit on the decisive tokens of right rollouts and on the slips of wrong ones, by the world's labels.

This is the positive control: no method can assign credit better, because none has these labels. If the oracle cannot be
seen to beat GRPO in a world, that world cannot tell other methods from GRPO either. A rollout whose chain cannot be
read has no labels and gets no credit.
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
    """Needs the labels of tokens, so it is refused in a world that has none."""

    control: ClassVar[bool] = True
    labels: ClassVar[bool] = True
    share: float = 0.0  # of the credit that every token gets, labelled or not, in [0, 1]; 1 is GRPO

    def credit(self, batch: Rollouts, step: int) -> Float[Tensor, "B T"]:
        """Return the advantage on decisive tokens where it is positive, and on slips where it is negative."""
        positive = (batch.advantage > 0)[:, None]
        marked = batch.labels["decisive"].where(positive, batch.labels["slipped"])
        return uniform_credit(batch.advantage, batch.mask) * (self.share + (1.0 - self.share) * marked)
