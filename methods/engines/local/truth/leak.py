"""Does a method's gradient depend on what its teachers say of tokens that were not sampled?

A numerical test of the method's own hooks, not of a claim about it. Random next-token distributions stand for those of
the policy and of every teacher. Then each teacher's probabilities are exchanged among the tokens that were not sampled,
while the sampled token keeps its own. If the gradient by the policy's logits changes, the method trains on more of the
teacher than its word on what the policy did. CEPO's paper calls this leakage: arXiv:2605.19436, section 3.2, eq. 3.
"""

from __future__ import annotations

from dataclasses import fields, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from methods.base import Method, Rollouts
from methods.shared.divergence import log_probs
from methods.shared.surrogate import clipped_surrogate, selected

TOKENS = 64  # size of the vocabulary of the random distributions; sampled tokens are drawn from it anew
PRIVILEGED = "privileged rollouts"  # stands beside the names of the teachers

Logits = Float[Tensor, "B T V"]


def leak(method: Method, batch: Rollouts, seed: int) -> float | None:
    """Largest change of an entry of the gradient over the largest entry; None where there is no gradient.

    ``batch``: rollouts as the method's hooks are given them, some of which have an advantage. Step 0 is tested.
    """
    generator = torch.Generator().manual_seed(seed)
    shape = (*batch.mask.shape, TOKENS)

    def drawn() -> Logits:
        return (2 * torch.randn(shape, generator=generator, dtype=torch.float64)).to(batch.mask.device)

    tokens = torch.randint(TOKENS, shape[:-1], generator=generator).to(batch.mask.device)
    asked = replace(doubled(batch), tokens=tokens)
    student = drawn()
    teachers = {name: drawn() for name in method.teachers()}
    if method.privileged_rollouts() is not None:
        teachers[PRIVILEGED] = drawn()
    before = gradient(method, asked, student, teachers)
    after = gradient(method, asked, student, {name: exchanged(one, tokens) for name, one in teachers.items()})
    largest = float(before.abs().max())
    return float((after - before).abs().max()) / largest if largest > 0 else None


def gradient(method: Method, batch: Rollouts, student: Logits, teachers: dict[str, Logits]) -> Logits:
    """Gradient of the loss of a first update by the policy's logits, at rollout step 0."""
    leaf = student.clone().requires_grad_()
    logp = _sampled(leaf, batch.tokens)
    there = torch.ones_like(batch.correct)
    told = {name: _sampled(one, batch.tokens) for name, one in teachers.items()}
    given = replace(batch, logp={"student": logp.detach(), **told}, has=dict.fromkeys(teachers, there))
    if method.matches_distributions:
        (teacher,) = (teachers[name] for name in method.teachers())
        loss = method.loss(leaf, teacher, given)
    else:
        bounds = (method.clip_low, method.clip_high, method.dual_clip)
        loss, _ = clipped_surrogate(logp, logp.detach(), method.credit(given, 0), *bounds)
    total = selected(loss, batch.mask).sum()
    if PRIVILEGED in teachers:
        total = total + method.distil(leaf, teachers[PRIVILEGED], given).sum()
    return torch.autograd.grad(total, leaf)[0]


def exchanged(logits: Logits, tokens: Int[Tensor, "B T"]) -> Logits:
    """The logits in reverse order but for that of the sampled token and that of the token which has its place."""
    ids = tokens[..., None]
    mirror = logits.shape[-1] - 1 - ids
    turned = logits.flip(-1)
    return turned.scatter(-1, ids, logits.gather(-1, ids)).scatter(-1, mirror, logits.gather(-1, mirror))


def _sampled(logits: Logits, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    return log_probs(logits, 1.0).gather(-1, tokens[..., None])[..., 0]


def doubled(batch: Rollouts) -> Rollouts:
    """The batch in the precision of the test."""

    def wide(value: object) -> object:
        if isinstance(value, dict):
            return {name: wide(one) for name, one in value.items()}
        return value.double() if isinstance(value, Tensor) and value.is_floating_point() else value

    changed = {field.name: wide(getattr(batch, field.name)) for field in fields(batch)}
    return replace(batch, **changed)  # pyright: ignore[reportArgumentType] - each value has the type it had
