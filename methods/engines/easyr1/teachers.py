"""Whose weights a teacher pass uses: on this rank's shards of what is trained, so it costs no communication."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from methods.base import Weights

Shards = list[Tensor]


def trainable_shards(module: Any) -> Shards:  # noqa: ANN401 - an FSDP module, or any other
    """This rank's part of every trainable parameter, in a fixed order; changing one changes the model."""
    return [parameter.data for parameter in module.parameters() if parameter.requires_grad]


class TeacherWeights:
    """Weights of ema and synced teachers beside the actor's; a fixed teacher is the model as training found it.

    ``module`` is the FSDP-wrapped model. Its trainable parameters are this rank's shards of the LoRA tensors, or of the
    language model's weights, so copying and averaging them shard by shard is the same as on whole tensors. ``start``:
    those shards before any update; None for a PEFT model, which is that with its adapter off. A resumed run finds them
    in its base again, so they are never saved.
    """

    def __init__(self, module: Any, wanted: set[Weights], start: Shards | None = None) -> None:  # noqa: ANN401
        self.module, self.start = module, start
        self.shadows: dict[Weights, Shards] = {
            w: self._copy() for w in sorted(wanted, key=str) if w.source in ("ema", "synced")
        }

    def start_step(self, step: int) -> None:
        """Before the teachers look at 0-based rollout ``step``: synced ones copy the actor at 0, every, 2 * every."""
        for weights in self.shadows:
            if weights.source == "synced" and step % weights.every == 0:
                self.shadows[weights] = self._copy()

    @torch.no_grad()
    def moved(self, tick: str) -> None:
        """After an optimizer ``update`` or a whole rollout ``step``: ema teachers follow the actor."""
        for weights, shadow in self.shadows.items():
            if weights.source == "ema" and weights.tick == tick:
                for kept, actor in zip(shadow, self._shards(), strict=True):
                    kept.lerp_(actor.to(kept.device), 1.0 - weights.decay)

    @contextmanager
    def using(self, weights: Weights) -> Iterator[None]:
        """Within this block the model is the teacher."""
        with self._model_of(weights):
            yield

    def save(self, path: Path) -> None:
        """Write this rank's shadows."""
        named = {f"{i}/{j}": t for i, s in enumerate(self.shadows.values()) for j, t in enumerate(s)}
        if named:
            save_file(named, path)

    def load(self, path: Path) -> None:
        """Read them back."""
        named = load_file(path) if self.shadows else {}
        for i, shadow in enumerate(self.shadows.values()):
            for j, kept in enumerate(shadow):
                kept.copy_(named[f"{i}/{j}"])

    def _model_of(self, weights: Weights) -> AbstractContextManager[None]:
        if weights in self.shadows:
            return self._swapped(self.shadows[weights])
        if weights.source != "fixed":
            return nullcontext()
        return self.module.disable_adapter() if self.start is None else self._swapped(self.start)

    def _shards(self) -> Shards:
        return trainable_shards(self.module)

    def _copy(self) -> Shards:
        return [shard.detach().clone() for shard in self._shards()]

    @contextmanager
    def _swapped(self, shadow: Shards) -> Iterator[None]:
        kept = self._copy()
        try:
            self._fill(shadow)
            yield
        finally:
            self._fill(kept)

    def _fill(self, values: Shards) -> None:
        for shard, value in zip(self._shards(), values, strict=True):
            shard.copy_(value)
