"""What the engine asks of the networks that were prepared for a method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from methods.base import Method, Rollouts
from methods.engines.local.policy import Policy
from methods.engines.shared.prompts import Prompt
from methods.engines.shared.responses import Responses


@dataclass(frozen=True)
class StoredPairs:
    """Pairs of rollouts of the base: row 2i is a right and row 2i + 1 a wrong one to the problem ``problem[i]``."""

    problem: list[int]  # places among the training problems that are short enough
    responses: Responses  # owner: the place of the pair


class Networks(Protocol):
    """Networks with the policy's base model; they run in the policy's place."""

    @property
    def pairs(self) -> StoredPairs | None:
        """The pairs that a method may train on offline; None if this kind holds none."""
        ...

    def ask(
        self, policy: Policy, method: Method, contexts: Sequence[Prompt], responses: Responses, rollouts: Rollouts,
        size: int,
    ) -> dict[str, Tensor]:  # fmt: skip
        """What the networks say of the rollouts: ``Rollouts.prepared``. ``size``: rollouts in one pass."""
        ...
