"""Trained weights, or a base with its adapter folded in, rounded to bfloat16; and how much of the update is left."""

from __future__ import annotations

from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import Tensor

ROUNDINGS = ("rounded_bf16", "merged_bf16")  # values of the option eval_weights that round


def merge_rounded(model: PeftModel, weights: str) -> tuple[Any, float | None]:
    """The base model with the adapter in its weights, those rounded to bfloat16; and the share of the update left.

    ``merged_bf16``: base weight and update are each bfloat16 and so is their sum, as scripts/model_merger.py:71-83 of
    the released code makes it. ``rounded_bf16``: the sum is made in float32 and rounded once. Only layers that have an
    adapter are rounded. The weights keep the dtype of ``model``. The share is <W' - W, U> / ||U||^2 over all layers,
    with W the rounded base weight, W' the merged one and U the update: 1 keeps it whole, 0 loses it; None if U is 0.
    """
    kept = whole = 0.0
    with torch.no_grad():
        for layer in [module for module in model.modules() if isinstance(module, LoraLayer)]:
            weight: Tensor = layer.get_base_layer().weight  # pyright: ignore[reportAssignmentType]
            update = layer.get_delta_weight("default").float()  # pyright: ignore[reportCallIssue]
            before, merged = _merged(weight.float(), update, weights)
            kept += float(((merged - before) * update).sum(dtype=torch.float64))
            whole += float(update.square().sum(dtype=torch.float64))
            weight.copy_(merged)
    return model.unload(), kept / whole if whole > 0 else None


def round_trained(model: Any, base: Any) -> float | None:  # noqa: ANN401 - transformers' models
    """Round to bfloat16 those weights of ``model`` that are not ``base``'s; returns the share of the update left.

    For a model trained without an adapter, where nothing is merged: ``rounded_bf16`` and ``merged_bf16`` are the same.
    """
    kept = whole = 0.0
    start = dict(base.named_parameters())
    with torch.no_grad():
        for name, weight in model.named_parameters():
            update = weight.float() - start[name].float()
            if update.any():
                after, before = weight.to(torch.bfloat16).float(), start[name].to(torch.bfloat16).float()
                kept += float(((after - before) * update).sum(dtype=torch.float64))
                whole += float(update.square().sum(dtype=torch.float64))
                weight.copy_(after)
    return kept / whole if whole > 0 else None


def _merged(weight: Tensor, update: Tensor, weights: str) -> tuple[Tensor, Tensor]:
    """The base weight before and after, both as float32 holding bfloat16 values."""
    base = weight.to(torch.bfloat16)
    if weights == "merged_bf16":
        return base.float(), (base + update.to(torch.bfloat16)).float()
    return base.float(), (weight + update).to(torch.bfloat16).float()
