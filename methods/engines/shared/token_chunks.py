"""Apply a function of single tokens to some tokens at a time, so that no tensor (tokens, V) exists for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from methods.base import Rollouts


def in_chunks(function: Callable[..., Tensor], size: int, *tensors: Tensor) -> Tensor:
    """Apply ``function`` to ``size`` rows of the tensors at a time, and join the results.

    With gradients, only the inputs of a chunk are kept. Its intermediate results are computed again in the backward
    pass.
    """
    parts = zip(*(tensor.split(size) for tensor in tensors), strict=True)
    if torch.is_grad_enabled():
        return torch.cat([checkpoint(function, *part, use_reentrant=False) for part in parts])
    return torch.cat([function(*part) for part in parts])


def single_tokens(batch: Rollouts, valid: Bool[Tensor, "B T"]) -> Rollouts:
    """Make each valid token a rollout of length one. Its loss stays the same: it depends on no other token."""
    row = valid.nonzero()[:, 0]

    def one(value: Tensor) -> Tensor:
        return value[valid][:, None] if value.dim() == 2 else value[row]

    return _map(batch, one)


def take(batch: Rollouts, rows: Int[Tensor, " b"]) -> Rollouts:
    """Return the given rows."""
    return _map(batch, lambda value: value[rows])


def _map(batch: Rollouts, function: Callable[[Tensor], Tensor]) -> Rollouts:
    changed = {}
    for field in fields(batch):
        value = getattr(batch, field.name)
        if isinstance(value, dict):
            changed[field.name] = {key: function(tensor) for key, tensor in value.items()}
        elif isinstance(value, Tensor):
            changed[field.name] = function(value)
    return replace(batch, **changed)
