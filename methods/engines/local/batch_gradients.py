"""The gradient of every method on the same rollouts: one forward pass, one backward pass for each method.

It is the gradient of a method's first update, with the batch as one mini-batch: the policy is the one that sampled, the
ratio is 1 and clips nothing, so that the surrogate's gradient is that of -credit * log-probability.

With respect to what: for small models in float32 the weights of the layers that have an adapter, with the adapter added
(``folded``). A fresh adapter has B = 0, so that its A has no gradient at all, and what B's gradient shows depends on
the random A; the layers' weights depend on neither. For real models those weights are too many and the gradient is that
of the LoRA matrices (``adapter``).
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
    """What one method minimises on a batch: ``loss`` of each token, times ``share``, added up."""

    loss: TokenLoss
    share: Float[Tensor, "B T"]
    moving: Bool[Tensor, " B"]  # rollouts that can have a gradient


def objective_of(policy: Policy, method: Method, experience: Experience) -> Objective:
    """The objective of ``method`` at rollout step 0, from the rollouts as its teachers and labels left them."""
    rollouts = experience.rollouts
    share = token_weights(rollouts.mask, method.loss_avg)
    if not method.matches_distributions:
        return _on_credit(method.credit(rollouts, 0), share)
    divergence = matching_loss(policy, method, rollouts, experience.teacher_hidden)
    moving = torch.stack(list(rollouts.has.values())).any(0)
    return Objective(lambda chunk, _: divergence(chunk)[0], share, moving)


def policy_gradient(rollouts: Rollouts) -> Objective:
    """The policy gradient of the reward: its credit is the reward less the mean of the *other* members' rewards.

    Without bias, unlike GRPO's: nothing is divided by a standard deviation or by a number of tokens.
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
    """The gradients of all objectives, flattened; at most ``size`` rollouts in one pass."""
    rows = torch.stack([one.moving for one in objectives]).any(0).nonzero()[:, 0]
    with autocast(policy, score_dtype), differentiated(policy) as weights:
        total = torch.zeros(len(objectives), sum(w.numel() for w in weights), device=policy.device)
        for chunk in chunks(policy, experience.contexts, rows, experience.responses, size):
            logp = token_logp(policy, chunk, temperature)
            for gradient, objective in zip(total, objectives, strict=True):
                if bool(objective.moving[chunk.rows].any()):
                    share = objective.share[chunk.rows, : logp.shape[1]]
                    per_token = selected(objective.loss(chunk, logp), chunk.mask) * share
                    found = torch.autograd.grad(
                        per_token.sum(), weights, retain_graph=True, allow_unused=True, materialize_grads=True
                    )
                    gradient += torch.cat([one.flatten() for one in found])
    return total


def is_folded(policy: Policy, score_dtype: str) -> bool:
    """Whether gradients are those of the layers' weights with the adapter added."""
    with autocast(policy, score_dtype):
        return policy.folding.small and policy.folding.applies(policy.device)


@contextmanager
def differentiated(policy: Policy) -> Iterator[list[Tensor]]:
    """Within this block the policy runs on the tensors it yields, of which gradients are taken."""
    if policy.folding.small and policy.folding.applies(policy.device):
        leaves = [weight.detach().requires_grad_() for weight in policy.folding.weights()]
        with policy.folding.running(leaves):
            yield leaves
    else:
        yield list(policy.trainable.values())
