"""What a base model must be for training on it to mean something. A check that fails raises DataError with one line."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from contracts.errors import DataError
from contracts.records import Scores
from methods.base import Method
from methods.engines.local.experience import look_at, student_context
from methods.engines.local.policy import Policy
from methods.engines.local.sample import Sampling, roll_out
from methods.engines.local.teacher_weights import frozen
from methods.engines.local.verify import read_members
from methods.engines.shared.problems import Problem, load_problems
from methods.micro.measures.entropy_shares import EntropyShares, entropy_shares
from methods.micro.measures.evidence import evidence_of
from methods.micro.measures.oracle_ratio import oracle_ratio
from methods.shared.references import Member
from methods.shared.rewards import Grader

ACCURACY = (0.25, 0.50)  # of rollouts on held-out problems at T = 1
MIXED = 0.5  # least share of groups with right and wrong rollouts
FORMAT = 0.95  # least share of rollouts with a boxed answer
READ = 0.9  # least share of rollouts that keep to the grammar, so that their tokens can be labelled
FILLER = 0.5  # least share of the policy's entropy on tokens that decide nothing
SLIP_EVIDENCE = 1.0  # least mean evidence on slips, in nats
SLIP_AUROC = 0.8  # least AUROC of evidence for the slip among the decisive tokens of its chain
HIGHEST = 0.8  # accuracy on a benchmark
# What always giving the commonest letter would score at most; 0 for free answers. A test counts the letters.
CHANCE = {"dynamath": 0.0, "mathvision": 0.0, "logicvista": 0.22, "wemath": 0.22, "mmmu": 0.20}
ORACLE = 0.6  # most rollouts that oracle credit needs where GRPO needs one
LIMITS: dict[str, Any] = {"max_prompt": 256, "max_response": 96}  # as in workflows/configs/micro.yaml
METHOD = Method(**LIMITS)  # prompt, group size and temperature of training
SIZE = 512  # rollouts at a time
PROBLEMS = 256  # groups of rollouts that are looked at
WAY_OUT = (
    "draw the base of this seed again (scales: {small: {draws: {s5: 1005}}} in the config), or change micro.training, "
    "micro.shapes, micro.slip_rate or micro.hint_rate"
)


@dataclass(frozen=True)
class Rolled:
    """Whole groups of rollouts, problem by problem."""

    members: Sequence[Member]
    entropy: EntropyShares


def check_base(base: Path, validation: Path, seed: int) -> dict[str, object]:
    """What was measured of a base whose rollouts, teachers and gradients are as required."""
    measured = check_rollouts(base, validation)
    evidence = judge_evidence(base, evidence_of(base, seed))
    policy, problems = Policy(base, METHOD, "cpu", "float32", seed), load_problems(validation)
    return {
        **measured,
        "evidence": evidence,
        "oracle": judge_oracle(base, oracle_ratio(policy, problems, LIMITS, seed)),
    }


def check_rollouts(base: Path, validation: Path, limit: int = PROBLEMS, seed: int = 0) -> dict[str, object]:
    """Roll out groups on the first ``limit`` problems of ``validation``; what was measured if all is as required."""
    problems = load_problems(validation)[:limit]
    return judge(base, rollouts(base, problems, seed))


def judge(base: Path, rolled: Rolled) -> dict[str, object]:
    """:func:`rollout_facts`, if all are as required."""
    facts = rollout_facts(rolled)
    _require(base, "rollout accuracy", facts["accuracy"], *ACCURACY)
    _require(base, "share of mixed groups", facts["mixed"], MIXED, 1.0)
    _require(base, "format rate", facts["format"], FORMAT, 1.0)
    _require(base, "share of rollouts that can be read", rolled.entropy.read, READ, 1.0)
    _require(base, "share of entropy on filler", rolled.entropy.share["filler"], FILLER, 1.0)
    return facts


def rollout_facts(rolled: Rolled) -> dict[str, Any]:
    """Accuracy, share of mixed groups, format rate and shares of entropy, whatever they are."""
    right = np.array([m.correct for m in rolled.members]).reshape(-1, METHOD.group_size)
    share = right.mean(1)
    return {
        "accuracy": float(share.mean()),
        "mixed": float(((share > 0) & (share < 1)).mean()),
        "format": float(np.mean([m.answer is not None for m in rolled.members])),
        "entropy": asdict(rolled.entropy),
        "problems": len(right),
        "group_size": METHOD.group_size,
    }


def judge_evidence(base: Path, evidence: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """``evidence`` by the place of an answer, if it is large on slips and finds them."""
    for style, one in evidence.items():
        _require(base, f"evidence on slips ({style}, nats)", one["slips"], SLIP_EVIDENCE, math.inf)
        _require(base, f"AUROC of slips ({style})", one["auroc"], SLIP_AUROC, 1.0)
    return evidence


def judge_oracle(base: Path, ratio: dict[str, float]) -> dict[str, float]:
    """``ratio``, if better credit can make the gradient of this base much clearer."""
    if "samples" not in ratio:
        raise DataError(str(base), "the gradients of GRPO and the oracle are too noisy for a samples ratio", WAY_OUT)
    _require(base, "the oracle's samples ratio", ratio["samples"], 0.0, ORACLE)
    return ratio


def rollouts(base: Path, problems: Sequence[Problem], seed: int) -> Rolled:
    """One group of rollouts per problem, as training makes them, problem by problem."""
    torch.set_num_threads(1)
    policy = Policy(base, METHOD, "cpu", "float32", seed)
    visions = look_at(policy, problems)
    prompts = [student_context(policy, METHOD, p, v) for p, v in zip(problems, visions, strict=True)]
    with frozen(policy), Grader() as grader:
        sampling = Sampling(METHOD.temperature, METHOD.max_response, METHOD.group_size)
        responses = roll_out(policy, prompts, sampling, seed, SIZE)
        owners = [problems[o] for o in responses.owner.tolist()]
        members = read_members(policy, METHOD, grader, responses.every_id(), owners)[0]
    return Rolled(members, entropy_shares(policy.processor.tokenizer, [p.id for p in owners], responses))


def check_benchmarks(scores: Sequence[Path]) -> dict[str, dict[str, float]]:
    """Read ``scores.json`` of the untrained bases, smallest scale first; their accuracies if all are as required.

    A larger scale must be better on average over its base draws: two draws may come out the other way round by chance.
    """
    read = [_read(path) for path in scores]
    for path, one in zip(scores, read, strict=True):
        for name, bench in one.benchmarks.items():
            _require(path, f"accuracy on micro-{name}", bench.accuracy, CHANCE[name], HIGHEST)
    averages: dict[str, list[float]] = {}
    for one in read:
        averages.setdefault(one.cell.rsplit("/", 1)[0], []).append(one.average)
    for (small, of_small), (large, of_large) in itertools.pairwise(averages.items()):
        if np.mean(of_large) <= np.mean(of_small):
            cause = f"average {np.mean(of_large):.3f} is not above {np.mean(of_small):.3f} of {small}"
            raise DataError(large, cause, WAY_OUT)
    return {one.cell: {name: bench.accuracy for name, bench in one.benchmarks.items()} for one in read}


def _read(path: Path) -> Scores:
    try:
        return Scores.model_validate_json(path.read_text())
    except (OSError, ValidationError) as error:
        raise DataError(
            str(path), f"not readable as scores ({error})", "evaluate the untrained bases again", delete_and_rerun=True
        ) from error


def _require(place: Path, what: str, value: float, low: float, high: float) -> None:
    """``low`` < ``value`` < ``high``; an upper end of 1 is included."""
    if not (low < value < high or value == high == 1.0):
        raise DataError(str(place), f"{what} is {value:.3f}, required between {low:.2f} and {high:.2f}", WAY_OUT)
