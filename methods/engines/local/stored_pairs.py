"""The rollouts of an offline step: pairs that a prepared model holds, as if they had just been drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from contracts.errors import DataError
from methods.engines.local.clock import Clock
from methods.engines.local.experience import Drawn, Gatherer, look_at, student_context
from methods.engines.local.networks.protocol import StoredPairs
from methods.engines.local.score import student_logp
from methods.engines.local.verify import read_members
from methods.engines.shared.problems import Problem, step_rows
from methods.engines.shared.responses import taken


def stored_rollouts(
    gatherer: Gatherer, pairs: StoredPairs | None, problems: Sequence[Problem], step: int, seed: int, clock: Clock
) -> Drawn:
    """``prompts`` of the pairs, or all if there are fewer, each a group of two; log-probs are those of the policy now.

    Every epoch is a permutation drawn for ``seed``. DataError if there is no pair.
    """
    policy, method = gatherer.policy, gatherer.method
    if pairs is None or not pairs.problem:
        raise DataError("prepared model", "it holds no pairs of rollouts", "prepare one of another kind")
    chosen = step_rows(seed, step, min(method.prompts, len(pairs.problem)), len(pairs.problem))
    asked = [problems[pairs.problem[pair]] for pair in chosen]
    rows = torch.tensor([row for pair in chosen for row in (2 * pair, 2 * pair + 1)], device=policy.device)
    owner = torch.arange(len(chosen), device=policy.device).repeat_interleave(2)
    responses = replace(taken(pairs.responses, rows), owner=owner)
    with clock.phase("score"):
        visions = look_at(policy, asked)
        prompts = [student_context(policy, method, p, v) for p, v in zip(asked, visions, strict=True)]
        contexts = [prompts[owner] for owner in responses.owner.tolist()]
        logp = student_logp(policy, contexts, responses, method, gatherer.size)
    with clock.phase("verify"):
        owners = [asked[owner] for owner in responses.owner.tolist()]
        members, timeouts = read_members(policy, method, gatherer.grader, responses.every_id(), owners)
    return Drawn(asked, visions, prompts, replace(responses, logp=logp), members, timeouts)
