"""The tensors of an adapter: how many there must be, how far they moved, and the PEFT folder with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig
from peft.tuners.lora import LoraLayer
from safetensors.torch import save_file
from torch import Tensor

from contracts.files import replacing_folder
from methods.shared.finite import check_finite

Tensors = dict[str, Tensor]  # "base_model.model.<module>.lora_A.weight" and the like


def expected_tensors(module: Any) -> int:  # noqa: ANN401 - an FSDP-wrapped PEFT model
    """Number of LoRA tensors: A and B of every layer that has an adapter."""
    return 2 * sum(isinstance(layer, LoraLayer) for layer in module.modules())


def delta_norm(tensors: Tensors, scale: float) -> float:
    """Frobenius norm of the update of all layers, sqrt(sum over layers ||scale * B A||^2), from r x r products only."""
    total = 0.0
    for name, a in tensors.items():
        if name.endswith("lora_A.weight"):
            b = tensors[name.replace("lora_A", "lora_B")].double()
            # ||B A||^2 = trace(A' B' B A) = sum((B' B) * (A A'))
            total += float(((b.T @ b) * (a.double() @ a.double().T)).sum())
    return scale * max(total, 0.0) ** 0.5


def write_adapter(tensors: Tensors, config: PeftConfig, folder: Path) -> None:
    """Write a standard PEFT folder, completely or not at all."""
    with replacing_folder(folder) as temporary:
        complete = {name: tensor.to(torch.float32).contiguous() for name, tensor in tensors.items()}
        save_file(complete, temporary / "adapter_model.safetensors", metadata={"format": "pt"})
        config.save_pretrained(str(temporary))
        check_finite(temporary, "the trained adapter")
