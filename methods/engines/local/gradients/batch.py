"""The gradient of every method on the same rollouts, from one forward pass.

It is the gradient of a method's first update, with the batch as one mini-batch: the policy is the one that sampled, the
ratio is 1 and clips nothing, so that the surrogate's gradient is that of -credit * log-probability. That is linear in
credit: a method whose credit is a combination of other methods' needs no backward pass of its own.

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
from jaxtyping import Bool, Float, Int
from torch import Tensor

from methods.base import Method, Rollouts
from methods.engines.local.passes import Chunk, autocast, chunks, token_logp
from methods.engines.local.policy import Policy
from methods.engines.local.update import distillation_loss, matching_loss
from methods.engines.shared.experience import Experience
from methods.shared.surrogate import selected, token_weights

SAME = 1e-6  # of a row's length: what is left of it beside a combination of others is rounding of float32


@dataclass(frozen=True)
class CreditObjective:
    """Minimise the sum over tokens of ``weight`` times log-probability."""

    weight: Float[Tensor, "B T"]

    @property
    def moving(self) -> Bool[Tensor, " B"]:
        """Rollouts that can have a gradient."""
        return (self.weight != 0).any(1)


@dataclass(frozen=True)
class MatchingObjective:
    """Minimise ``divergence`` of each token of a chunk, times ``share``, added up."""

    divergence: Callable[[Chunk], Float[Tensor, "b T"]]
    share: Float[Tensor, "B T"]
    moving: Bool[Tensor, " B"]  # rollouts that can have a gradient


Objective = CreditObjective | MatchingObjective


def objective_of(policy: Policy, method: Method, experience: Experience) -> Objective:
    """Return what ``method`` minimises at rollout step 0. Its teachers have been asked, its labels are there."""
    rollouts = experience.rollouts
    share = token_weights(rollouts.mask, method.loss_avg)
    if not method.matches_distributions:
        return CreditObjective(-method.credit(rollouts, 0) * share)
    divergence = matching_loss(policy, method, rollouts, experience.teacher_hidden)
    moving = torch.stack(list(rollouts.has.values())).any(0)
    return MatchingObjective(lambda chunk: divergence(chunk)[0], share, moving)


def distillation_of(policy: Policy, method: Method, privileged: Experience) -> MatchingObjective:
    """Return what ``method`` minimises on privileged rollouts, beside its objective on the policy's own."""
    rollouts = privileged.rollouts
    loss = distillation_loss(policy, method, rollouts, privileged.teacher_hidden)
    share = token_weights(rollouts.mask, method.loss_avg)
    return MatchingObjective(lambda chunk: loss(chunk)[0], share, torch.ones_like(rollouts.correct))


def policy_gradient(rollouts: Rollouts) -> CreditObjective:
    """The policy gradient of the reward: its credit is the reward less the mean of the *other* members' rewards.

    It has no bias, unlike GRPO's gradient: nothing is divided by a standard deviation or by a number of tokens.
    """
    reward, group = rollouts.reward.double(), rollouts.group
    same = (group[:, None] == group[None, :]).double()
    others = same.sum(1) - 1
    if not bool((others > 0).all()):
        raise ValueError("the policy gradient needs at least two rollouts to a problem")
    credit = (reward - (same @ reward - reward) / others).to(rollouts.mask.dtype)
    return CreditObjective(-credit[:, None] * rollouts.mask / len(reward))


def batch_gradients(
    policy: Policy, objectives: Sequence[Objective], experience: Experience, size: int, temperature: float,
    score_dtype: str,
) -> Float[Tensor, "M N"]:  # fmt: skip
    """The gradients of all objectives, flattened, in their order; at most ``size`` rollouts in one pass."""
    credited = [place for place, one in enumerate(objectives) if isinstance(one, CreditObjective)]
    chosen, mixing = independent([objectives[place].weight.flatten() for place in credited])  # pyright: ignore
    passed = [credited[place] for place in chosen] + [p for p in range(len(objectives)) if p not in credited]
    found = _passed([objectives[place] for place in passed], policy, experience, size, temperature, score_dtype)
    gradients = found.new_zeros(len(objectives), found.shape[1])
    gradients[passed[len(chosen) :]] = found[len(chosen) :]
    gradients[credited] = mixing.to(found) @ found[: len(chosen)]
    return gradients


def independent(rows: Sequence[Float[Tensor, " N"]]) -> tuple[list[int], Float[Tensor, "M R"]]:
    """Places of R rows that span all M rows, and every row as a combination of these; a row of zeros needs none."""
    known: list[int] = []
    mixing = torch.zeros(len(rows), len(rows), dtype=torch.float64)
    for place, row in enumerate(row.double() for row in rows):
        if not row.any():
            continue
        if known:
            basis = torch.stack([rows[k].double() for k in known], dim=1)
            parts = torch.linalg.lstsq(basis, row[:, None]).solution
            if (row - (basis @ parts)[:, 0]).norm() <= SAME * row.norm():
                mixing[place, : len(known)] = parts[:, 0].cpu()
                continue
        mixing[place, len(known)] = 1.0
        known.append(place)
    return known, mixing[:, : len(known)]


def _passed(
    objectives: Sequence[Objective], policy: Policy, experience: Experience, size: int, temperature: float,
    score_dtype: str,
) -> Float[Tensor, "R N"]:  # fmt: skip
    """The gradients of objectives by a backward pass each."""
    with autocast(policy, score_dtype), differentiated(policy) as weights:
        total = torch.zeros(len(objectives), sum(w.numel() for w in weights), device=policy.device)
        for rows in _apart(objectives):
            for chunk in chunks(policy, experience.contexts, rows, experience.responses, size):
                for place, loss in _losses(objectives, policy, chunk, temperature):
                    found = torch.autograd.grad(
                        loss, weights, retain_graph=True, allow_unused=True, materialize_grads=True
                    )
                    total[place] += torch.cat([one.flatten() for one in found])
    return total


def _apart(objectives: Sequence[Objective]) -> list[Int[Tensor, " R"]]:
    """Rollouts that get credit from any objective, and the others that move: a backward pass is no longer than needed.

    Credit leaves out all-right and all-wrong groups, distribution matching does not.
    """
    moving = [torch.zeros_like(objectives[0].moving)] * 2 if objectives else []
    for one in objectives:
        kind = 0 if isinstance(one, CreditObjective) else 1
        moving[kind] = moving[kind] | one.moving
    return [moving[0].nonzero()[:, 0], (moving[1] & ~moving[0]).nonzero()[:, 0]] if moving else []


def _losses(
    objectives: Sequence[Objective], policy: Policy, chunk: Chunk, temperature: float
) -> Iterator[tuple[int, Float[Tensor, ""]]]:
    """Place and loss on a chunk of every objective that it moves; log-probs are computed once, if they are needed."""
    logp, length = None, chunk.mask.shape[1]
    for place, one in enumerate(objectives):
        if not bool(one.moving[chunk.rows].any()):
            continue
        if isinstance(one, CreditObjective):
            logp = token_logp(policy, chunk, temperature) if logp is None else logp
            yield place, (logp * one.weight[chunk.rows, :length]).sum()
        else:
            divergence = selected(one.divergence(chunk), chunk.mask)
            yield place, (divergence * one.share[chunk.rows, :length]).sum()


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
