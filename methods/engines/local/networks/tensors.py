"""Read and write the tensors of a network, and run the policy's model with them."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from contracts.errors import DataError
from contracts.files import replacing
from methods.engines.local.policy import Policy


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write tensors completely or not at all."""
    with replacing(path) as temporary:
        save_file({name: value.detach().contiguous().cpu() for name, value in tensors.items()}, temporary)


def read_tensors(path: Path, policy: Policy) -> dict[str, Tensor]:
    """Read tensors to the policy's device. DataError if the file is missing or broken."""
    try:
        return load_file(path, device=str(policy.device))
    except (OSError, SafetensorError) as error:
        cause = f"no readable tensors of a prepared model ({type(error).__name__})"
        raise DataError(str(path), cause, "prepare it again", delete_and_rerun=True) from error


def read_adapter(path: Path, policy: Policy) -> dict[str, Tensor]:
    """Read an adapter that fits the policy. DataError if it does not."""
    tensors = read_tensors(path, policy)
    wanted = {name: parameter.shape for name, parameter in policy.trainable.items()}
    if {name: value.shape for name, value in tensors.items()} != wanted:
        cause = "its tensors do not fit the base model"
        raise DataError(str(path), cause, "prepare it again", delete_and_rerun=True)
    return tensors
