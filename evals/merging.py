"""Round trained weights, or a base with its adapter folded in, to bfloat16, and measure what is left of the update."""

from __future__ import annotations

from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import Tensor

ROUNDINGS = ("rounded_bf16", "merged_bf16")  # values of the option eval_weights with which weights are rounded


def merge_rounded(model: PeftModel, weights: str) -> tuple[Any, float | None]:
    """Fold the adapter into the base weights, rounded to bfloat16; returns the model and the share of the update left.

    ``merged_bf16``: base weight and update are each rounded to bfloat16, and so is their sum, as
    scripts/model_merger.py:71-83 of the released code does it. ``rounded_bf16``: the sum is computed in float32 and
    rounded once. Only layers that have an adapter are rounded. The weights keep the dtype of ``model``. The share is
    <W' - W, U> / ||U||^2 over all layers, with W the rounded base weight, W' the merged one and U the update: 1 if all
    of the update is left, 0 if it is lost, None if U is 0.
    """
    kept = total = 0.0
    with torch.no_grad():
        for layer in [module for module in model.modules() if isinstance(module, LoraLayer)]:
            weight: Tensor = layer.get_base_layer().weight  # pyright: ignore[reportAssignmentType]
            update = layer.get_delta_weight("default").float()  # pyright: ignore[reportCallIssue]
            before, merged = _merged(weight.float(), update, weights)
            kept += float(((merged - before) * update).sum(dtype=torch.float64))
            total += float(update.square().sum(dtype=torch.float64))
            weight.copy_(merged)
    return model.unload(), kept / total if total > 0 else None


def round_trained(model: Any, base: Any) -> float | None:  # noqa: ANN401 - transformers' models
    """Round the trained weights of ``model`` to bfloat16; returns the share of the update that is left.

    Weights that are equal to those of ``base`` were not trained and stay. This is for full fine-tuning, where nothing
    is merged, so that ``rounded_bf16`` and ``merged_bf16`` are the same.
    """
    kept = total = 0.0
    start = dict(base.named_parameters())
    with torch.no_grad():
        for name, weight in model.named_parameters():
            update = weight.float() - start[name].float()
            if update.any():
                after, before = weight.to(torch.bfloat16).float(), start[name].to(torch.bfloat16).float()
                kept += float(((after - before) * update).sum(dtype=torch.float64))
                total += float(update.square().sum(dtype=torch.float64))
                weight.copy_(after)
    return kept / total if total > 0 else None


def _merged(weight: Tensor, update: Tensor, weights: str) -> tuple[Tensor, Tensor]:
    """Return the base weight before and after merging, rounded to bfloat16 and stored as float32."""
    base = weight.to(torch.bfloat16)
    if weights == "merged_bf16":
        return base.float(), (base + update.to(torch.bfloat16)).float()
    return base.float(), (weight + update).to(torch.bfloat16).float()
