"""Per-token losses of a micro-batch, from hidden states; the formulas are the methods' own."""

from __future__ import annotations

from dataclasses import fields, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from methods.base import Method, Rollouts
from methods.engines.easyr1.head import Head, in_chunks
from methods.shared.surrogate import clipped_surrogate

Marks = dict[str, Float[Tensor, "B T"]]


def credit_loss(
    method: Method,
    logp: Float[Tensor, "B T"],
    logp_old: Float[Tensor, "B T"],
    credit: Float[Tensor, "B T"],
) -> tuple[Float[Tensor, "B T"], Marks]:
    """Return the clipped surrogate, and the tokens that each clip changed."""
    return clipped_surrogate(logp, logp_old, credit, method.clip_low, method.clip_high, method.dual_clip)


def matching_loss(
    method: Method,
    head: Head,
    student: Float[Tensor, "B T hidden"],
    teacher: Float[Tensor, "B T hidden"],
    batch: Rollouts,
) -> Float[Tensor, "B T"]:
    """Return the method's loss of distributions at response tokens, in nats; 0 on padding."""
    valid = batch.mask.bool()
    tokens = single_tokens(batch, valid)

    def of_chunk(student_part: Tensor, teacher_part: Tensor, where: Tensor) -> Tensor:
        with torch.no_grad():
            teacher_logits = head.logits(teacher_part)
        return method.loss(head.logits(student_part)[:, None], teacher_logits[:, None], take(tokens, where))[:, 0]

    rows = torch.arange(int(valid.sum()), device=valid.device)
    loss = in_chunks(of_chunk, student[valid], teacher[valid], rows)
    return torch.zeros_like(batch.mask).masked_scatter(valid, loss)


def single_tokens(batch: Rollouts, valid: Bool[Tensor, "B T"]) -> Rollouts:
    """Make each valid token a rollout of length one. Its loss stays the same: it depends on no other token."""
    row = valid.nonzero()[:, 0]

    def one(value: Tensor) -> Tensor:
        return value[valid][:, None] if value.dim() == 2 else value[row]

    return _map(batch, one)


def take(batch: Rollouts, rows: Int[Tensor, " b"]) -> Rollouts:
    """Return the given rows."""
    return _map(batch, lambda value: value[rows])


def _map(batch: Rollouts, function) -> Rollouts:  # noqa: ANN001 - tensor to tensor
    changed = {}
    for field in fields(batch):
        value = getattr(batch, field.name)
        if isinstance(value, dict):
            changed[field.name] = {key: function(tensor) for key, tensor in value.items()}
        elif isinstance(value, Tensor):
            changed[field.name] = function(value)
    return replace(batch, **changed)
