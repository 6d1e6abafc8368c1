"""Full fine-tuning: which weights stay frozen, how far the others moved, and the model folder at the end."""

# pyright: reportMissingImports=false
from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from torch import Tensor
from torch.distributed.checkpoint.state_dict import get_model_state_dict
from torch.distributed.tensor import DTensor
from verl.workers import fsdp_workers

from contracts.files import replacing_folder
from methods.engines.easyr1.teachers import Shards, trainable_shards

COPIED = (".json", ".jinja", ".txt", ".model")  # files of a base beside its weights
INDEX = "model.safetensors.index.json"  # of a base whose weights are in several files
DTYPES = ("dtype", "torch_dtype")  # keys of config.json


@contextmanager
def frozen_ends() -> Iterator[None]:
    """A model that EasyR1 builds within this block keeps its embeddings and its head, as under LoRA.

    EasyR1 has no hook between loading a model and sharding it, so the function that it asks how to shard is replaced.
    A shard may hold frozen weights because EasyR1 sets ``use_orig_params`` for a frozen vision tower.
    """
    asked = fsdp_workers.get_fsdp_wrap_policy

    def freeze(model: Any, **options: Any) -> Any:  # noqa: ANN401 - a transformers model
        model.get_input_embeddings().requires_grad_(False)
        model.get_output_embeddings().requires_grad_(False)
        return asked(model, **options)

    fsdp_workers.get_fsdp_wrap_policy = freeze
    try:
        yield
    finally:
        fsdp_workers.get_fsdp_wrap_policy = asked


def in_host_memory(module: Any) -> Shards:  # noqa: ANN401 - an FSDP module
    """A copy of this rank's shards of the trained weights that takes no GPU memory."""
    return [shard.detach().to("cpu", copy=True) for shard in trainable_shards(module)]


def distance(module: Any, start: Shards) -> float:  # noqa: ANN401
    """Frobenius norm of the trained weights minus ``start``, over all ranks."""
    total = torch.zeros((), dtype=torch.float64, device=torch.cuda.current_device())
    for shard, kept in zip(trainable_shards(module), start, strict=True):
        total += (shard.float() - kept.to(shard.device).float()).double().square().sum().to(total.device)
    dist.all_reduce(total)
    return float(total.sqrt())


def all_weights(module: Any) -> dict[str, Tensor]:  # noqa: ANN401
    """Return every weight of the model by name, float32 in host memory of rank 0; nothing on other ranks.

    A head that shares its weight with the embedding is left out, as transformers does.
    """
    core = module._fsdp_wrapped_module
    tied = core.get_output_embeddings().weight is core.get_input_embeddings().weight
    shards: dict[str, Any] = get_model_state_dict(module)
    weights = {}
    for name, tensor in shards.items():
        full = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor  # one at a time, for want of memory
        if dist.get_rank() == 0 and not (tied and name == "lm_head.weight"):
            weights[name] = full.detach().to("cpu", torch.float32).contiguous()
    return weights


def write_model(weights: dict[str, Tensor], base: Path, folder: Path) -> None:
    """Write a Hugging Face folder with ``weights`` and all other files of ``base``, completely or not at all."""
    with replacing_folder(folder) as temporary:
        for file in base.iterdir():
            if file.suffix in COPIED and file.name != INDEX:
                shutil.copyfile(file, temporary / file.name)
        config = json.loads((base / "config.json").read_text())
        (temporary / "config.json").write_text(json.dumps(_in_float32(config) | {"dtype": "float32"}, indent=2))
        save_file(weights, temporary / "model.safetensors", metadata={"format": "pt"})


def _in_float32(config: dict[str, Any]) -> dict[str, Any]:
    """Return the config with float32 for every dtype in it."""
    named = {key: "float32" for key in DTYPES if key in config}
    return {key: _in_float32(value) if isinstance(value, dict) else value for key, value in config.items()} | named
