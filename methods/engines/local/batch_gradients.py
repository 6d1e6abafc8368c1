"""The gradient of every method on the same rollouts: one forward pass, one backward pass for each method.

It is the gradient of a method's first update if the batch is one mini-batch. The policy that is updated is then the one
that sampled, so the ratio is 1 and nothing is clipped: the gradient of the surrogate is that of -credit *
log-probability.

For small models in float32 gradients are taken with respect to the weights of the layers that have an adapter, with the
adapter added (``folded``). Those do not depend on how the adapter starts: in a new adapter B = 0, so A has no gradient
at all, and the gradient of B depends on the random A. For real models these weights are too many, and gradients are
taken with respect to the LoRA matrices (``adapter``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from methods.base import Method, Rollouts
from methods.engines.local.passes import Chunk, autocast, chunks, token_logp
from methods.engines.local.policy import Policy
from methods.engines.local.update import matching_loss
from methods.engines.shared.experience import Experience
from methods.shared.surrogate import selected, token_weights

TokenLoss = Callable[[Chunk, Float[Tensor, "b T"]], Float[Tensor, "b T"]]  # from a chunk and its log-probs


@dataclass(frozen=True)
class Objective:
    """What one method minimises on a batch: the sum over tokens of ``loss`` times ``share``."""

    loss: TokenLoss
    share: Float[Tensor, "B T"]
    moving: Bool[Tensor, " B"]  # rollouts that can have a gradient


def objective_of(policy: Policy, method: Method, experience: Experience) -> Objective:
    """Return what ``method`` minimises at rollout step 0. Its teachers have been asked, its labels are there."""
    rollouts = experience.rollouts
    share = token_weights(rollouts.mask, method.loss_avg)
    if not method.matches_distributions:
        return _on_credit(method.credit(rollouts, 0), share)
    divergence = matching_loss(policy, method, rollouts, experience.teacher_hidden)
    moving = torch.stack(list(rollouts.has.values())).any(0)
    return Objective(lambda chunk, _: divergence(chunk)[0], share, moving)


def policy_gradient(rollouts: Rollouts) -> Objective:
    """Return the policy gradient of the reward. Its credit is the reward minus the mean reward of the *other* members.

    It has no bias, unlike GRPO's gradient: nothing is divided by a standard deviation or by a number of tokens.
    """
    reward, group = rollouts.reward.double(), rollouts.group
    same = (group[:, None] == group[None, :]).double()
    others = same.sum(1) - 1
    if not bool((others > 0).all()):
        raise ValueError("the policy gradient needs at least two rollouts to a problem")
    credit = reward - (same @ reward - reward) / others
    return _on_credit(credit.to(rollouts.mask.dtype)[:, None] * rollouts.mask, rollouts.mask / len(reward))


def _on_credit(credit: Float[Tensor, "B T"], share: Float[Tensor, "B T"]) -> Objective:
    def loss(chunk: Chunk, logp: Tensor) -> Tensor:
        return -logp * credit[chunk.rows, : logp.shape[1]]

    return Objective(loss, share, (credit != 0).any(1))


def batch_gradients(
    policy: Policy, objectives: Sequence[Objective], experience: Experience, size: int, temperature: float,
    score_dtype: str,
) -> Float[Tensor, "M N"]:  # fmt: skip
    """Return the gradient of each objective as one vector. At most ``size`` rollouts run in one pass."""
    rows = torch.stack([one.moving for one in objectives]).any(0).nonzero()[:, 0]
    with autocast(policy, score_dtype), differentiated(policy) as weights:
        total = torch.zeros(len(objectives), sum(w.numel() for w in weights), device=policy.device)
        for chunk in chunks(policy, experience.contexts, rows, experience.responses, size):
            logp = token_logp(policy, chunk, temperature)
            for gradient, objective in zip(total, objectives, strict=True):
                if bool(objective.moving[chunk.rows].any()):
                    share = objective.share[chunk.rows, : logp.shape[1]]
                    per_token = selected(objective.loss(chunk, logp), chunk.mask) * share
                    parts = torch.autograd.grad(
                        per_token.sum(), weights, retain_graph=True, allow_unused=True, materialize_grads=True
                    )
                    gradient += torch.cat([one.flatten() for one in parts])
    return total


def is_folded(policy: Policy, score_dtype: str) -> bool:
    """Whether gradients are taken with respect to the layers' weights, with the adapter added."""
    with autocast(policy, score_dtype):
        return policy.folding.small and policy.folding.applies(policy.device)


@contextmanager
def differentiated(policy: Policy) -> Iterator[list[Tensor]]:
    """Yield the tensors with respect to which gradients are taken; within the block the policy computes with them."""
    if policy.folding.small and policy.folding.applies(policy.device):
        leaves = [weight.detach().requires_grad_() for weight in policy.folding.weights()]
        with policy.folding.running(leaves):
            yield leaves
    else:
        yield list(policy.trainable.values())
