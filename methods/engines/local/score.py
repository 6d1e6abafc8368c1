"""Passes over finished responses: by the student, and by each teacher, which is shown a reference."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from methods.base import Method, Teacher
from methods.engines.local.passes import autocast, chunks, token_logp
from methods.engines.local.policy import Policy
from methods.engines.local.teacher_weights import AdapterTeachers, frozen
from methods.engines.shared.prompts import Prompt
from methods.engines.shared.responses import Responses


def student_logp(
    policy: Policy, contexts: Sequence[Prompt], responses: Responses, method: Method, size: int
) -> Float[Tensor, "B T"]:
    """Log-probs in nats of the response tokens before the update, computed in ``score_dtype`` as the update does.

    In float32 sampling has given them already. With a base or passes in bfloat16 they must be rounded in the same way
    as in the update, or the ratio of the first update would not be 1; so does the released trainer
    (verl/trainer/ray_trainer.py:955-957).
    """
    logp, rows = torch.zeros_like(responses.mask), torch.arange(len(responses.mask), device=policy.device)
    with autocast(policy, method.score_dtype), frozen(policy):
        for chunk in chunks(policy, contexts, rows, responses, size):
            logp[chunk.rows, : chunk.mask.shape[1]] = token_logp(policy, chunk, method.temperature)
    return logp


@torch.no_grad()
def teacher_logp(
    policy: Policy,
    weights: AdapterTeachers,
    teacher: Teacher,
    contexts: Sequence[Prompt | None],
    wanted: Bool[Tensor, " B"],
    responses: Responses,
    method: Method,
    size: int,
) -> Float[Tensor, "B T"]:
    """Log-probs in nats of every response token under one teacher; rows not ``wanted`` stay 0."""
    logp = torch.zeros_like(responses.mask)
    with autocast(policy, method.score_dtype), weights.using(teacher.weights):
        for chunk in chunks(policy, contexts, wanted.nonzero()[:, 0], responses, size):
            logp[chunk.rows, : chunk.mask.shape[1]] = token_logp(policy, chunk, method.temperature)
    return logp


@torch.no_grad()
def teacher_hidden(
    policy: Policy,
    weights: AdapterTeachers,
    teacher: Teacher,
    contexts: Sequence[Prompt | None],
    wanted: Bool[Tensor, " B"],
    responses: Responses,
    method: Method,
    size: int,
) -> Float[Tensor, "B T hidden"]:
    """Last hidden states of one teacher. The head is never trained, so its distributions can be computed from them.

    They take (B, T, hidden) numbers instead of (B, T, V), so distribution matching can keep those of a complete batch.
    """
    kept: Tensor | None = None
    with autocast(policy, method.score_dtype), weights.using(teacher.weights):
        for chunk in chunks(policy, contexts, wanted.nonzero()[:, 0], responses, size):
            if kept is None:
                kept = chunk.hidden.new_zeros((*responses.mask.shape, chunk.hidden.shape[-1]))
            kept[chunk.rows, : chunk.mask.shape[1]] = chunk.hidden
    if kept is None:
        kept = torch.zeros((*responses.mask.shape, 0), device=policy.device)
    return kept
