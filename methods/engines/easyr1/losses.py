"""Per-token losses of a micro-batch, from hidden states; the formulas are the methods' own."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from methods.base import Method, Rollouts
from methods.engines.easyr1 import head as heads
from methods.engines.easyr1.head import Head
from methods.engines.shared.token_chunks import in_chunks, single_tokens, take
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
    loss = in_chunks(of_chunk, heads.TOKENS_AT_ONCE, student[valid], teacher[valid], rows)
    return torch.zeros_like(batch.mask).masked_scatter(valid, loss)
