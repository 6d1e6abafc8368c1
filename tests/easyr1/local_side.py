"""What the local engine makes of stored rollouts: the other half of the comparison in test_engines_agree.py."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from methods.base import Method
from methods.engines.local.experience import Gatherer, graded, look_at, student_context
from methods.engines.local.passes import chunks
from methods.engines.local.policy import Policy
from methods.engines.local.teacher_weights import AdapterTeachers
from methods.engines.local.update import MiniBatch, credit_loss, matching_loss, update
from methods.engines.local.verify import read_members
from methods.engines.shared.minibatches import minibatches
from methods.engines.shared.problems import Problem
from methods.engines.shared.prompts import Prompt
from methods.engines.shared.responses import Responses
from methods.shared import seeding
from methods.shared.rewards import Grader

ALL_AT_ONCE = 1000
CLIPS = ("clip_low", "clip_high", "dual_clip")


def load_policy(base: Path, method: Method, adapter: dict[str, Tensor] | None = None) -> Policy:
    policy = Policy(base, method, "cpu", "float32", seed=0)
    for name, parameter in policy.trainable.items():
        if adapter is not None:
            parameter.data.copy_(adapter[name])
    return policy


def scored(policy: Policy, contexts: list[Prompt], tokens: Tensor, mask: Tensor, method: Method) -> Responses:
    """Responses with log-probs and entropy of the policy as it is."""
    size = len(tokens) // len({id(c) for c in contexts})
    empty = torch.zeros_like(mask)
    owner = torch.arange(len(tokens) // size).repeat_interleave(size)
    responses = Responses(tokens, mask, empty.clone(), empty.clone(), owner, torch.zeros(len(tokens)))
    with torch.no_grad():
        for chunk in chunks(policy, contexts, torch.arange(len(tokens)), responses, ALL_AT_ONCE):
            logp = (policy.logits(chunk.hidden) / method.temperature).log_softmax(-1)
            length = chunk.mask.shape[1]
            chosen = logp.gather(2, chunk.tokens[..., None])[..., 0]
            responses.logp[chunk.rows, :length] = chosen * chunk.mask
            responses.entropy[chunk.rows, :length] = -(logp.exp() * logp).sum(-1) * chunk.mask
    return responses


def one_step(
    policy: Policy,
    method: Method,
    problems: list[Problem],
    tokens: Tensor,
    mask: Tensor,
    seed: int,
    shadow_scale: float,
    lr: float,
) -> dict[str, Tensor]:
    """Log-probs, credit, losses and gradients of every mini-batch; each moves the weights by ``lr`` times its own."""
    visions = look_at(policy, problems)
    prompts = [student_context(policy, method, p, v) for p, v in zip(problems, visions, strict=True)]
    contexts = [prompts[i // method.group_size] for i in range(len(tokens))]
    responses = scored(policy, contexts, tokens, mask, method)
    teachers = AdapterTeachers(policy, {t.weights for t in method.teachers().values()})
    for shadow in teachers.shadows.values():
        for tensor in shadow.values():
            tensor.mul_(shadow_scale)
    with Grader() as grader:
        owners = [problems[i] for i in responses.owner.tolist()]
        members, _ = read_members(policy, method, grader, responses.every_id(), owners)
        rollouts = graded(method, responses, members, seeding.stream(seed, "hook", 0))
        hidden = torch.zeros(0)
        if method.matches_distributions or method.needs_teachers(0):
            gatherer = Gatherer(policy, method, grader, teachers, ALL_AT_ONCE)
            rollouts, hidden = gatherer.ask_teachers(problems, visions, members, responses, rollouts, seed, 0)
    result = {f"logp_{name}": value for name, value in rollouts.logp.items()} | {"entropy": responses.entropy}
    result |= {"advantage": rollouts.advantage, "reward": rollouts.reward, "correct": rollouts.correct}
    if method.matches_distributions:
        loss = matching_loss(policy, method, rollouts, hidden)
    else:
        result["credit"] = method.credit(rollouts, 0)
        loss = credit_loss(policy, method, rollouts, result["credit"])
    plain, done = torch.optim.SGD(list(policy.trainable.values()), lr=lr), []
    for i, rows in enumerate(minibatches(method, rollouts.group, rollouts.mask.sum(1).long(), seed, 0)):
        active = rows
        if method.matches_distributions:
            active = rows[torch.stack(list(rollouts.has.values())).any(0)[rows]]
        done.append(update(policy, method, plain, MiniBatch(contexts, responses, rows, active, loss), ALL_AT_ONCE))
        result |= {f"gradient_{i}/{n}": p.grad.flatten().clone() for n, p in policy.trainable.items()}
    for name in CLIPS if "credit" in result else ():
        result[name] = torch.tensor([one.clipped[name] for one in done], dtype=torch.float64)
    result["grad_norm"] = torch.tensor([one.grad_norm for one in done], dtype=torch.float64)
    return result | {"loss": torch.tensor([one.loss for one in done], dtype=torch.float64)}
