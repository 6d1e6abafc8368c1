"""When ema and synced teachers take over the actor's weights. Each engine implements how weights are copied."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import torch

from methods.base import Weights

Copied = TypeVar("Copied")  # the trainable tensors of one model, as an engine keeps them


class TeacherSchedule(ABC, Generic[Copied]):
    """Keeps the weights of ema and synced teachers, the ``shadows``, beside the actor's."""

    def __init__(self, wanted: set[Weights]) -> None:
        self.shadows: dict[Weights, Copied] = {
            w: self.copy_actor() for w in sorted(wanted, key=str) if w.source in ("ema", "synced")
        }

    def start_step(self, step: int) -> None:
        """Call it before 0-based rollout ``step``: synced teachers copy the actor at steps 0, every, 2 * every, ..."""
        for weights in self.shadows:
            if weights.source == "synced" and step % weights.every == 0:
                self.shadows[weights] = self.copy_actor()

    @torch.no_grad()
    def moved(self, tick: str) -> None:
        """Call it after each optimizer ``update`` and each rollout ``step``: ema teachers move towards the actor."""
        for weights, shadow in self.shadows.items():
            if weights.source == "ema" and weights.tick == tick:
                self.follow_actor(shadow, 1.0 - weights.decay)

    @abstractmethod
    def copy_actor(self) -> Copied:
        """A detached copy of the actor's trainable tensors."""

    @abstractmethod
    def follow_actor(self, shadow: Copied, share: float) -> None:
        """Move ``shadow`` in place by ``share`` of its distance to the actor."""
