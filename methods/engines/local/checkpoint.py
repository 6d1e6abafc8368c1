"""Checkpoints of a cell in ``state/``: all that the next step depends on, written completely or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from contracts.errors import TrainError
from methods.engines.local.policy import Policy
from methods.engines.local.teacher_weights import AdapterTeachers

KEPT = 2  # checkpoints on disk; older ones are removed


@dataclass(frozen=True)
class Resume:
    """Where a run continues."""

    step: int  # rollout steps done
    resumed_at: tuple[int, ...]


def save(
    folder: Path, step: int, digest: str, resumed_at: tuple[int, ...], policy: Policy,
    optimizer: torch.optim.Optimizer, teachers: AdapterTeachers,
) -> None:  # fmt: skip
    """Write ``folder/step_<n>`` under a temporary name, then rename it; keep the newest :data:`KEPT`."""
    final, temporary = folder / f"step_{step:05d}", folder / f".writing_{step:05d}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    save_file(_tensors(policy, optimizer, teachers), temporary / "tensors.safetensors")
    meta = {
        "step": step,
        "cell_digest": digest,
        "resumed_at": list(resumed_at),
        "sha256": _sha256(temporary / "tensors.safetensors"),
    }
    (temporary / "meta.json").write_text(json.dumps(meta))
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    for old in sorted(folder.glob("step_*"))[:-KEPT]:
        shutil.rmtree(old)


def load(
    folder: Path, digest: str, policy: Policy, optimizer: torch.optim.Optimizer, teachers: AdapterTeachers
) -> Resume | None:
    """Restore the newest checkpoint. Returns None if there is none.

    Raises TrainError if it belongs to another cell or is damaged; no checkpoint is skipped silently.
    """
    checkpoints = sorted(folder.glob("step_*"))
    if not checkpoints:
        return None
    meta = _meta(checkpoints[-1])
    if meta["cell_digest"] != digest:
        raise TrainError(
            str(checkpoints[-1]), "checkpoint of another cell (its options, data or code differ)",
            f"delete {folder} to train from the start",
        )  # fmt: skip
    _restore(_read_tensors(checkpoints[-1], meta["sha256"]), policy, optimizer, teachers)
    return Resume(meta["step"], tuple(meta["resumed_at"]))


def _tensors(policy: Policy, optimizer: torch.optim.Optimizer, teachers: AdapterTeachers) -> dict[str, Tensor]:
    tensors = {}
    for name, parameter in policy.trainable.items():
        tensors[f"adapter/{name}"] = parameter.detach()
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer/{key}/{name}"] = value
    for weights, shadow in teachers.shadows.items():
        tensors |= {f"teacher/{weights}/{name}": value for name, value in shadow.items()}
    return {key: value.contiguous().cpu() for key, value in tensors.items()}


def _restore(
    tensors: dict[str, Tensor], policy: Policy, optimizer: torch.optim.Optimizer, teachers: AdapterTeachers
) -> None:
    for name, parameter in policy.trainable.items():
        parameter.data.copy_(tensors[f"adapter/{name}"])
        state = {key: tensors.get(f"optimizer/{key}/{name}") for key in ("step", "exp_avg", "exp_avg_sq")}
        optimizer.state[parameter] = {
            key: value if key == "step" else value.to(parameter.device)
            for key, value in state.items()
            if value is not None
        }
        if optimizer.state[parameter]:  # an update without any credit moves a weight that has had a gradient
            parameter.grad = torch.zeros_like(parameter)
    for weights, shadow in teachers.shadows.items():
        for name in shadow:
            shadow[name] = tensors[f"teacher/{weights}/{name}"].to(policy.device)


def _meta(checkpoint: Path) -> dict:
    try:
        meta = json.loads((checkpoint / "meta.json").read_text())
        return {key: meta[key] for key in ("step", "cell_digest", "resumed_at", "sha256")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(checkpoint, f"meta.json: {error}") from error


def _read_tensors(checkpoint: Path, sha256: str) -> dict[str, Tensor]:
    path = checkpoint / "tensors.safetensors"
    try:
        if _sha256(path) != sha256:
            raise _damaged(checkpoint, "tensors.safetensors does not match its checksum")
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise _damaged(checkpoint, str(error)) from error


def _damaged(checkpoint: Path, cause: str) -> TrainError:
    return TrainError(
        str(checkpoint), f"damaged checkpoint ({cause})",
        "delete this folder; training goes on from the checkpoint before it, or from the start",
    )  # fmt: skip


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
