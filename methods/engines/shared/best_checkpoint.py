"""The adapter of the step with the best validation accuracy, kept beside the checkpoints while a run goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file, save_file

from contracts.errors import TrainError
from contracts.files import replacing
from contracts.records import Step
from methods.engines.local.policy import Policy
from methods.engines.local.teacher_weights import copy_adapter


def best_step(records: Sequence[Step]) -> int | None:
    """1-based step with the highest validation accuracy, the first of equals; None if none was validated."""
    validated = [record for record in records if record.val_accuracy is not None]
    if not validated:
        return None
    return max(validated, key=lambda record: (record.val_accuracy or 0.0, -record.step)).step


def keep_if_best(policy: Policy, records: Sequence[Step], state: Path) -> None:
    """Write the adapter to ``state`` if the last of ``records`` is the best so far."""
    if records[-1].step == best_step(records):
        with replacing(_path(state, records[-1].step)) as temporary:
            save_file({name: value.contiguous().cpu() for name, value in copy_adapter(policy).items()}, temporary)


def bring_back(policy: Policy, records: Sequence[Step], state: Path, place: str) -> int:
    """Put the best step's adapter into ``policy``; returns the step. TrainError if nothing was validated."""
    step = best_step(records)
    if step is None:
        cause = "checkpoint is best_val, but no step was validated"
        raise TrainError(place, cause, "set engine_settings.validation_problems above 0, or checkpoint: last")
    kept = load_file(_path(state, step))
    for name, parameter in policy.trainable.items():
        parameter.data.copy_(kept[name])
    return step


def _path(state: Path, step: int) -> Path:
    return state / f"best_{step:05d}.safetensors"
