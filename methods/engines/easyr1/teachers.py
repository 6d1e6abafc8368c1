"""Give a teacher pass its weights. They are exchanged shard by shard on each rank, without communication."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from methods.base import Weights
from methods.engines.shared.teacher_schedule import TeacherSchedule

Shards = list[Tensor]


def trainable_shards(module: Any) -> Shards:  # noqa: ANN401 - an FSDP module, or any other
    """This rank's part of every trainable parameter, in a fixed order; changing one changes the model."""
    return [parameter.data for parameter in module.parameters() if parameter.requires_grad]


class ShardTeachers(TeacherSchedule[Shards]):
    """Weights of ema and synced teachers beside the actor's. A fixed teacher is the model before training.

    ``module`` is the FSDP-wrapped model. Its trainable parameters are this rank's shards of the LoRA tensors, or of the
    language model's weights, so copying and averaging them shard by shard is the same as on complete tensors.
    ``start``: these shards before any update. None for a PEFT model, which without its adapter is the same. A resumed
    run reads them from its base again, so they are never saved.
    """

    def __init__(self, module: Any, wanted: set[Weights], start: Shards | None = None) -> None:  # noqa: ANN401
        self.module, self.start = module, start
        super().__init__(wanted)

    def copy_actor(self) -> Shards:
        """A copy of this rank's shards of the actor, in float32: a moving average in bfloat16 would stand still."""
        return [shard.detach().to(torch.float32, copy=True) for shard in self._shards()]

    def follow_actor(self, shadow: Shards, share: float) -> None:
        """Move every shard of ``shadow`` by ``share`` of its distance to the actor's."""
        for kept, actor in zip(shadow, self._shards(), strict=True):
            kept.lerp_(actor.to(kept.device, kept.dtype), share)

    @contextmanager
    def using(self, weights: Weights) -> Iterator[None]:
        """Within this block the model has the teacher's weights."""
        with self._model_of(weights):
            yield

    def save(self, path: Path) -> None:
        """Write this rank's copies of ema and synced teachers (``shadows``)."""
        named = {f"{i}/{j}": t for i, s in enumerate(self.shadows.values()) for j, t in enumerate(s)}
        if named:
            save_file(named, path)

    def load(self, path: Path) -> None:
        """Read this rank's shadows from a file that :meth:`save` wrote."""
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

    @contextmanager
    def _swapped(self, shadow: Shards) -> Iterator[None]:
        kept = self.copy_actor()
        try:
            self._fill(shadow)
            yield
        finally:
            self._fill(kept)

    def _fill(self, values: Shards) -> None:
        for shard, value in zip(self._shards(), values, strict=True):
            shard.copy_(value)
