"""Weights whose numbers are numbers: a model with NaN or infinity in a tensor still answers, and would get a score."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from contracts.errors import DataError


def check_finite(folder: Path, what: str) -> None:
    """Raise DataError, naming the tensor, if a safetensors file in ``folder`` holds NaN or an infinity."""
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, framework="pt") as tensors:
                names = [name for name in tensors.keys() if not tensors.get_tensor(name).isfinite().all()]  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise DataError(str(file), f"not readable ({error})", "make it again", delete_and_rerun=True) from None
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            cause = f"{what}: tensor {names[0]}{more} holds a number that is none (NaN or infinity)"
            raise DataError(str(folder), cause, "make it again", delete_and_rerun=True)
