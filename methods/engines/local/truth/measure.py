"""Measure the advantages of tokens at one state of the policy, and every arm's credit on the same rollouts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from contracts.errors import DataError
from contracts.truth import ArmFacts, TruthPlan, TruthReport, TruthRollout, write_truth
from methods.base import Method
from methods.engines.local.gradients.meter import GradientMeter, GradientSettings
from methods.engines.local.gradients.task import PolicyTask, meter_of
from methods.engines.local.sample import roll_out
from methods.engines.local.services.values import ValueService
from methods.engines.local.truth.advantages import TokenAdvantages, chosen_rollouts, token_advantages
from methods.engines.local.truth.credits import token_credits
from methods.engines.local.truth.leak import leak
from methods.engines.local.update import slice_rollouts
from methods.engines.shared.experience import Experience
from methods.engines.shared.problems import Problem
from methods.engines.shared.responses import token_texts
from methods.shared.prepared import KINDS
from methods.shared.rewards import Grader

DIGITS = 5  # after the point, of a number in a file
TESTED = (8, 16)  # rollouts and tokens on which a method's hooks are tested for a leak
SAME = 1e-6  # of the largest credit: neighbours that differ by less are equal


class TruthTask(PolicyTask):
    """A plan of advantages with its files."""

    @property
    def plan(self) -> TruthPlan:
        """What is measured."""
        return TruthPlan.model_validate_json(self.planned)


def measure_truth(task: TruthTask, out: Path) -> None:
    """Leave ``truth.json`` and ``rollouts.jsonl`` in ``out``.

    Raises ConfigError (a method needs labels that the world does not have) and DataError (missing or broken inputs, or
    no problem that the policy sometimes solves).
    """
    begun = time.perf_counter()
    plan = task.plan
    batch = plan.model_dump(include={"prompts", "group_size", "micro_batch", "sampled_at_once"})
    with Grader(plan.grade_deadline) as grader:
        meter = meter_of(task, plan, GradientSettings(batches=1, **batch), grader)
        problems, experience = meter.experience(0)
        rows = chosen_rollouts(experience.rollouts.correct, experience.rollouts.group)
        if not rows:
            cause = f"no group of {plan.group_size} rollouts to {plan.prompts} problems is mixed"
            raise DataError(f"truth {plan.scale}/{plan.state}/s{plan.seed}", cause, "raise truth.prompts")
        sampling = replace(meter.sampling.method, reward="binary")
        service = ValueService(meter.policy, sampling, grader, roll_out, plan.sampled_at_once)
        found = token_advantages(service, problems, experience, rows, plan.continuations, plan.seed)
        own = meter.own_experiences(0, problems, experience)
        asked = (rows, plan.micro_batch)
        credits = {name: token_credits(meter.policy, meter.methods[name], one, *asked) for name, one in own.items()}
        facts = [_facts(name, meter.methods[name], one, rows, credits[name], plan.seed) for name, one in own.items()]
    rollouts = _rollouts(task, meter, problems, experience, rows, found, credits)
    report = TruthReport(
        **plan.model_dump(include=set(TruthReport.model_fields) - {"arms"}),
        digest=task.digest,
        accuracy=float(experience.rollouts.correct.float().mean()),
        rollouts=len(rows),
        tokens=sum(len(one.tokens) for one in rollouts),
        sampled=found.sampled,
        seconds=time.perf_counter() - begun,
        arms=facts,
    )
    write_truth(out, report, rollouts)


def _facts(
    name: str, method: Method, experience: Experience, rows: Sequence[int], credit: Float[Tensor, "R T"], seed: int
) -> ArmFacts:
    count, length = TESTED
    where = torch.tensor(rows[:count], device=credit.device)
    asked = method.asked_teachers()
    return ArmFacts(
        name=name,
        privileged=bool(asked) or method.labels,
        leak=leak(method, slice_rollouts(experience.rollouts, where, length), seed),
        values=_changes(credit, experience.rollouts.mask[torch.tensor(rows, device=credit.device)]),
        networks=extra_networks(method),
    )


def extra_networks(method: Method) -> int:
    """Sets of weights that it keeps besides the policy's: copies for teachers, and those that were prepared for it."""
    copies = {teacher.weights for teacher in method.asked_teachers() if teacher.weights.source in ("ema", "synced")}
    return len(copies) + (KINDS[method.prepared].networks if method.prepared else 0)


def _changes(credit: Float[Tensor, "R T"], mask: Float[Tensor, "R T"]) -> float | None:
    """Share of neighbouring tokens whose credit differs; None for credit that is 0 everywhere."""
    largest = float(credit.abs().max())
    pairs = (mask[:, 1:] > 0) & (mask[:, :-1] > 0)
    if largest == 0 or not bool(pairs.any()):
        return None
    return float((credit.diff(dim=1).abs() > SAME * largest)[pairs].float().mean())


def _rollouts(
    task: TruthTask, meter: GradientMeter, problems: Sequence[Problem], experience: Experience, rows: Sequence[int],
    found: TokenAdvantages, credits: Mapping[str, Float[Tensor, "R T"]],
) -> list[TruthRollout]:  # fmt: skip
    plan, responses = task.plan, experience.responses
    made = []
    for place, row in enumerate(rows):
        problem, ids = problems[int(responses.owner[row])], responses.ids(row)
        texts, length = token_texts(meter.policy.processor.tokenizer, ids), len(ids)
        read = task.label(problem.id, texts, bool(responses.truncated[row])) if task.label else None
        made.append(
            TruthRollout(
                scale=plan.scale,
                state=plan.state,
                seed=plan.seed,
                problem=problem.id,
                correct=bool(experience.rollouts.correct[row]),
                tokens=texts,
                first=_rounded(found.first[place, :length]),
                second=_rounded(found.second[place, :length]),
                error=_rounded(found.error[place, :length]),
                entropy=_rounded(responses.entropy[row, :length]),
                decisive=read[0] if read else None,
                slipped=read[1] if read else None,
                credit={name: _rounded(one[place, :length]) for name, one in credits.items() if bool(one.any())},
            )
        )
    return made


def _rounded(values: Float[Tensor, " T"]) -> list[float]:
    return [round(value, DIGITS) for value in values.tolist()]
