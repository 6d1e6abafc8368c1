"""The adapter of the best validated step, kept beside the checkpoints while a run goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file, save_file

from contracts.files import replacing
from contracts.records import TrainingStep
from methods.engines.local.policy import Policy
from methods.engines.local.teacher_weights import copy_adapter
from methods.engines.shared.best_checkpoint import best_step, chosen_step


def keep_if_best(policy: Policy, records: Sequence[TrainingStep], state: Path) -> None:
    """Write the adapter to ``state`` if the last of ``records`` is the best so far."""
    if records[-1].step == best_step(records):
        with replacing(_path(state, records[-1].step)) as temporary:
            save_file({name: value.contiguous().cpu() for name, value in copy_adapter(policy).items()}, temporary)


def restore_best(policy: Policy, records: Sequence[TrainingStep], state: Path, place: str) -> int:
    """Load the best step's adapter into ``policy``; returns the 1-based step. TrainError if no step was validated."""
    step = chosen_step(records, place)
    kept = load_file(_path(state, step))
    for name, parameter in policy.trainable.items():
        parameter.data.copy_(kept[name])
    return step


def _path(state: Path, step: int) -> Path:
    return state / f"best_{step:05d}.safetensors"
