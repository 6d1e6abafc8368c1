"""Batches that a long job leaves in its state folder, each in a file of its own: after a stop it goes on from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from contracts.files import replacing


def batch_file(state: Path, number: int) -> Path:
    """The file of the 0-based batch ``number``."""
    return state / f"batch_{number + 1:05d}.safetensors"


def write_batch(path: Path, tensors: Mapping[str, Tensor], digest: str, about: str = "") -> None:
    """Write a batch completely or not at all. ``digest``: of all that decides it; ``about``: text that goes with it."""
    with replacing(path) as temporary:
        kept = {name: value.contiguous().cpu() for name, value in tensors.items()}
        save_file(kept, temporary, {"digest": digest, "about": about})


def read_batch(path: Path, digest: str) -> tuple[dict[str, Tensor], str] | None:
    """The tensors and the text of a batch; None if there is none, or only one that something else decided."""
    try:
        with safe_open(path, "pt") as file:
            told: Mapping[str, str] = file.metadata() or {}
            if told.get("digest") != digest:
                return None
            return {name: file.get_tensor(name) for name in file.keys()}, told["about"]  # noqa: SIM118 - no mapping
    except (FileNotFoundError, SafetensorError):
        return None
