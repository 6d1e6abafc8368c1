"""One optimizer update on a mini-batch, by the clipped surrogate or by distribution matching."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from methods.base import Method, Rollouts
from methods.engines.local import passes
from methods.engines.local.passes import Chunk, autocast, chunks, token_logp
from methods.engines.local.policy import Policy
from methods.engines.local.teacher_weights import learning
from methods.engines.shared.prompts import Prompt
from methods.engines.shared.responses import Responses
from methods.engines.shared.token_chunks import in_chunks, single_tokens, take
from methods.shared.surrogate import clipped_surrogate, selected, token_weights

ChunkLoss = Callable[[Chunk], tuple[Float[Tensor, "b T"], dict[str, Tensor]]]
TeacherHook = Callable[[Tensor, Tensor, Rollouts], Float[Tensor, "b T"]]  # ``Method.loss`` or ``Method.distil``


@dataclass(frozen=True)
class MiniBatch:
    """Rollouts of one optimizer update, with the loss of each of their tokens."""

    contexts: Sequence[Prompt]
    responses: Responses
    rows: Int[Tensor, " M"]  # those of the mini-batch
    active: Int[Tensor, " A"]  # of these, the ones that can have a gradient; the others count in the mean, and no more
    loss: ChunkLoss


@dataclass(frozen=True)
class Update:
    """The outcome of one optimizer update. ``clipped`` holds shares of the mini-batch's response tokens."""

    loss: float
    grad_norm: float
    clipped: dict[str, float]
    token_loss: Float[Tensor, "B T"]  # before weighting, without gradient; 0 for rollouts that were not run


def credit_loss(policy: Policy, method: Method, batch: Rollouts, credit: Float[Tensor, "B T"]) -> ChunkLoss:
    """Return a function that computes the clipped surrogate of each token of a chunk."""

    def loss(chunk: Chunk) -> tuple[Tensor, dict[str, Tensor]]:
        rows, length = chunk.rows, chunk.mask.shape[1]
        logp = token_logp(policy, chunk, method.temperature)
        old = batch.logp["student"][rows, :length]
        per_token, clipped = clipped_surrogate(
            logp, old, credit[rows, :length], method.clip_low, method.clip_high, method.dual_clip
        )
        return per_token, clipped

    return loss


def matching_loss(policy: Policy, method: Method, batch: Rollouts, teacher: Float[Tensor, "B T hidden"]) -> ChunkLoss:
    """Return a function that computes the divergence of each token of a chunk from its teacher."""
    return _teacher_loss(policy, method.loss, batch, teacher)


def distillation_loss(
    policy: Policy, method: Method, batch: Rollouts, teacher: Float[Tensor, "B T hidden"]
) -> ChunkLoss:
    """Return a function that computes the loss of each token of a chunk of privileged rollouts."""
    return _teacher_loss(policy, method.distil, batch, teacher)


def _teacher_loss(
    policy: Policy, hook: TeacherHook, batch: Rollouts, teacher: Float[Tensor, "B T hidden"]
) -> ChunkLoss:

    def loss(chunk: Chunk) -> tuple[Tensor, dict[str, Tensor]]:
        rows, length = chunk.rows, chunk.mask.shape[1]
        own, theirs = slice_rollouts(batch, rows, length), teacher[rows, :length]
        if rows.numel() * length * len(policy.head_weight) > passes.LOGITS_AT_ONCE:
            return _matched_in_parts(policy, hook, chunk, theirs, own), {}
        with torch.no_grad():
            teacher_logits = policy.logits(theirs)
        return hook(policy.logits(chunk.hidden), teacher_logits, own), {}

    return loss


def _matched_in_parts(
    policy: Policy, hook: TeacherHook, chunk: Chunk, teacher: Float[Tensor, "b T hidden"], batch: Rollouts
) -> Float[Tensor, "b T"]:
    """The divergence of each token, with logits of both sides for some tokens at a time; 0 on padding."""
    valid = chunk.mask.bool()
    tokens = single_tokens(batch, valid)

    def of_tokens(student: Tensor, shown: Tensor, where: Tensor) -> Tensor:
        with torch.no_grad():
            teacher_logits = policy.logits(shown)[:, None]
        return hook(policy.logits(student)[:, None], teacher_logits, take(tokens, where))[:, 0]

    rows = torch.arange(int(valid.sum()), device=policy.device)
    found = in_chunks(of_tokens, passes.tokens_at_once(policy), chunk.hidden[valid], teacher[valid], rows)
    return torch.zeros_like(chunk.mask).masked_scatter(valid, found)


def update(
    policy: Policy, method: Method, optimizer: torch.optim.Optimizer, batch: MiniBatch, size: int,
    privileged: MiniBatch | None = None,
) -> Update:  # fmt: skip
    """Make one optimizer update on ``batch``; the mean loss of ``privileged`` rollouts, if there are any, is added."""
    optimizer.zero_grad(set_to_none=False)
    with autocast(policy, method.score_dtype), learning(policy):
        total, clipped, token_loss = _backward(policy, method, batch, size)
        if privileged is not None:
            total += _backward(policy, method, privileged, size)[0]
    norm = torch.nn.utils.clip_grad_norm_(list(policy.trainable.values()), method.grad_clip, error_if_nonfinite=False)
    if torch.isfinite(norm):
        optimizer.step()
    tokens = float(batch.responses.mask[batch.rows].sum())
    return Update(total, float(norm), {name: count / tokens for name, count in clipped.items()}, token_loss)


def _backward(
    policy: Policy, method: Method, batch: MiniBatch, size: int
) -> tuple[float, dict[str, float], Float[Tensor, "B T"]]:
    """Add the gradient of the mean loss of ``batch``. Returns that mean, tokens per clip, and each token's loss."""
    responses, share = batch.responses, torch.zeros_like(batch.responses.mask)
    share[batch.rows] = token_weights(responses.mask[batch.rows], method.loss_avg)
    total, clipped, token_loss = 0.0, dict[str, float](), torch.zeros_like(responses.mask)
    for chunk in chunks(policy, batch.contexts, batch.active, responses, size):
        per_token, marks = batch.loss(chunk)
        token_loss[chunk.rows, : chunk.mask.shape[1]] = per_token.detach()
        per_token = selected(per_token, chunk.mask)
        loss = (per_token * share[chunk.rows, : chunk.mask.shape[1]]).sum()
        loss.backward()
        total += float(loss.detach())
        for name, mark in marks.items():
            clipped[name] = clipped.get(name, 0.0) + float((mark * chunk.mask).sum())
    return total, clipped, token_loss


def slice_rollouts(batch: Rollouts, rows: Int[Tensor, " b"], length: int) -> Rollouts:
    """Return the given rows, cut to ``length`` tokens."""
    changed = {}
    for field in fields(batch):
        value = getattr(batch, field.name)
        if isinstance(value, dict):
            changed[field.name] = {k: v[rows, :length] if v.dim() == 2 else v[rows] for k, v in value.items()}
        elif isinstance(value, Tensor):
            changed[field.name] = value[rows, :length] if value.dim() == 2 else value[rows]
    return replace(batch, **changed)
