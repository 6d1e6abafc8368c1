"""The credit that a method gives to each token of some rollouts.

A method that matches distributions gives none. What its loss amounts to is the advantage that would move the sampled
token's log-odds as far: minus the derivative of the loss by the token's logit, over 1 less its probability. For the
policy gradient of an advantage this is the advantage itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from methods.base import Method
from methods.engines.local.passes import autocast, chunks
from methods.engines.local.policy import Policy
from methods.engines.local.update import slice_rollouts
from methods.engines.shared.experience import Experience

SURE = 1e-6  # a sampled token whose probability is within this of 1 has no log-odds to move


def token_credits(
    policy: Policy, method: Method, experience: Experience, rows: Sequence[int], size: int
) -> Float[Tensor, "R T"]:
    """Credit of the tokens of ``rows`` at rollout step 0; padding is 0."""
    where = torch.tensor(rows, device=experience.rollouts.mask.device)
    if method.matches_distributions:
        return implied_credit(policy, method, experience, where, size)[where]
    return method.credit(experience.rollouts, 0)[where]


def implied_credit(
    policy: Policy, method: Method, experience: Experience, rows: Tensor, size: int
) -> Float[Tensor, "B T"]:
    """The advantages that a matching method's loss amounts to, for ``rows``; 0 elsewhere."""
    found = torch.zeros_like(experience.rollouts.mask)
    with autocast(policy, method.score_dtype), torch.no_grad():
        for chunk in chunks(policy, experience.contexts, rows, experience.responses, size):
            length = chunk.mask.shape[1]
            student = policy.logits(chunk.hidden)
            teacher = policy.logits(experience.teacher_hidden[chunk.rows, :length])
            with torch.enable_grad():
                leaf = student.detach().requires_grad_()
                loss = method.loss(leaf, teacher, slice_rollouts(experience.rollouts, chunk.rows, length)).sum()
                (gradient,) = torch.autograd.grad(loss, leaf)
            ids = chunk.tokens[..., None]
            left = 1 - student.softmax(-1).gather(-1, ids)[..., 0]
            moved = -gradient.gather(-1, ids)[..., 0] / left.clamp(min=SURE)
            found[chunk.rows, :length] = moved.where(left > SURE, 0.0) * chunk.mask
    return found
