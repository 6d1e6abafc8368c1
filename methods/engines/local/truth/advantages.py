"""The advantage of each token of some rollouts: the value after it less the value before it, by continuations.

A value is the probability of a right answer if the policy goes on from there. It is estimated twice, each time with
other random numbers, so that noise can be told from signal. A token of which the policy was sure changes no value, so
that none is sampled for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from methods.base import PrefixValues, Rollouts
from methods.engines.local.services.values import ValueService
from methods.engines.local.update import slice_rollouts
from methods.engines.shared.experience import Experience
from methods.engines.shared.problems import Problem
from methods.engines.shared.responses import taken
from methods.shared import seeding
from methods.shared.prefixes import before_end

SURE = 1e-3  # a token that the policy samples with a probability within this of 1 changes no value by more than this


@dataclass(frozen=True)
class TokenAdvantages:
    """Advantages of the tokens of R rollouts, measured twice; padding is 0."""

    first: Float[Tensor, "R T"]
    second: Float[Tensor, "R T"]
    error: Float[Tensor, "R T"]  # standard error of the mean of both
    sampled: int  # response tokens


def chosen_rollouts(correct: Bool[Tensor, " B"], group: Int[Tensor, " B"]) -> list[int]:
    """The first right and the first wrong rollout of each group that has both."""
    rows: list[int] = []
    for name in dict.fromkeys(group.tolist()):
        members = (group == name).nonzero()[:, 0].tolist()
        right = [row for row in members if bool(correct[row])]
        wrong = [row for row in members if not bool(correct[row])]
        rows += sorted((right[0], wrong[0])) if right and wrong else []
    return rows


def token_advantages(
    service: ValueService, problems: Sequence[Problem], experience: Experience, rows: Sequence[int],
    continuations: int, seed: int,
) -> TokenAdvantages:  # fmt: skip
    """Measure the tokens of ``rows``, with half of the ``continuations`` of each prefix in either measurement.

    ``problems``: one per group. ``service``: of a method whose reward is 1 for a right answer and 0 otherwise.
    """
    where = torch.tensor(rows, device=experience.responses.mask.device)
    owners = experience.responses.owner[where].tolist()
    places = {owner: place for place, owner in enumerate(dict.fromkeys(owners))}
    responses = taken(experience.responses, where)
    responses = replace(responses, owner=torch.tensor([places[owner] for owner in owners], device=where.device))
    first_rows = {owner: row for row, owner in zip(rows, owners, strict=True)}
    asked = [problems[owner] for owner in places]
    prompts = [experience.contexts[first_rows[owner]] for owner in places]
    rollouts = replace(
        slice_rollouts(experience.rollouts, where, responses.mask.shape[1]), group=responses.owner, values={}
    )
    unsure = unsure_tokens(rollouts.logp["student"], responses.mask)
    before_unsure = torch.nn.functional.pad(unsure[:, 1:], (0, 1))  # after these tokens a value is needed
    wanted = PrefixValues(lambda batch: before_unsure & before_end(batch.mask), continuations // 2)
    values, sampled = [], 0
    for half in (0, 1):
        drawn = seeding.stream(seed, "truth", half)
        found, tokens = service.ask(wanted, asked, prompts, responses, rollouts, drawn)
        values.append(all_values(found, unsure))
        sampled += tokens
    mean = torch.stack(values).mean(0)
    noise = mean * (1 - mean) / (continuations - 1)
    first, second = (value.diff(dim=1) * responses.mask for value in values)
    error = (noise[:, 1:] + noise[:, :-1]).sqrt() * unsure
    return TokenAdvantages(first, second, error, sampled)


def unsure_tokens(logp: Float[Tensor, "R T"], mask: Float[Tensor, "R T"]) -> Bool[Tensor, "R T"]:
    """Response tokens that the policy might not have sampled; only these can change a value. ``logp`` in nats."""
    return (logp.exp() < 1 - SURE) & (mask > 0)


def all_values(rollouts: Rollouts, unsure: Bool[Tensor, "R T"]) -> Float[Tensor, "R T1"]:
    """Values before the first token, after each token, and after the last, where it is 1 or 0 without noise.

    A value is known before each unsure token; before a sure one it is that after it.
    """
    last = rollouts.mask.sum(1).long()
    row, length = torch.arange(len(last), device=last.device), rollouts.mask.shape[1]
    values = torch.cat([rollouts.values["start"][:, None], rollouts.values["prefix"]], dim=1)
    values[row, last] = rollouts.correct.to(values.dtype)
    known = torch.nn.functional.pad(unsure, (0, 1))
    known[row, last] = True
    place = torch.arange(length + 1, device=last.device).expand_as(values)
    following = torch.where(known, place, length).flip(1).cummin(1).values.flip(1)
    return values.gather(1, following)
