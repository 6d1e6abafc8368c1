"""What a base model must be for training on it to mean something. A check that fails raises DataError with one line."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError

from contracts.errors import DataError
from contracts.records import Scores
from methods.base import Method
from methods.engines.local.experience import look_at, read_members, student_context
from methods.engines.local.policy import Policy
from methods.engines.local.sample import Sampling, roll_out
from methods.engines.local.teacher_weights import frozen
from methods.engines.shared.problems import Problem, load_problems
from methods.micro.evidence import evidence_of
from methods.shared.references import Member
from methods.shared.rewards import Grader

ACCURACY = (0.25, 0.50)  # of rollouts on held-out problems at T = 1
MIXED = 0.5  # least share of groups with right and wrong rollouts
FORMAT = 0.95  # least share of rollouts with a boxed answer
HIGHEST = 0.8  # accuracy on a benchmark
# What always giving the commonest letter would score at most; 0 for free answers. A test counts the letters.
CHANCE = {"dynamath": 0.0, "mathvision": 0.0, "logicvista": 0.22, "wemath": 0.22, "mmmu": 0.20}
METHOD = Method(max_prompt=256, max_response=64)  # prompt, group size and temperature of training
SIZE = 512  # rollouts at a time
WAY_OUT = "change micro.training, micro.shapes or micro.slip_rate in the config"


def check_base(base: Path, validation: Path, seed: int) -> dict[str, object]:
    """What was measured of a base whose rollouts are as required, and how well a known answer tells chains apart."""
    return {**check_rollouts(base, validation), "evidence": evidence_of(base, seed)}


def check_rollouts(base: Path, validation: Path, limit: int = 256, seed: int = 0) -> dict[str, float]:
    """Roll out groups on the first ``limit`` problems of ``validation``; what was measured if all is as required."""
    problems = load_problems(validation)[:limit]
    return judge(base, rollouts(base, problems, seed))


def judge(base: Path, members: Sequence[Member]) -> dict[str, float]:
    """Accuracy, share of mixed groups and format rate of whole groups of rollouts, if all are as required."""
    right = np.array([m.correct for m in members]).reshape(-1, METHOD.group_size)
    share = right.mean(1)
    found = {
        "accuracy": float(share.mean()),
        "mixed": float(((share > 0) & (share < 1)).mean()),
        "format": float(np.mean([m.answer is not None for m in members])),
        "problems": len(right),
        "group_size": METHOD.group_size,
    }
    low, high = ACCURACY
    _require(base, "rollout accuracy", found["accuracy"], low, high)
    _require(base, "share of mixed groups", found["mixed"], MIXED, 1.0)
    _require(base, "format rate", found["format"], FORMAT, 1.0)
    return found


def rollouts(base: Path, problems: Sequence[Problem], seed: int) -> list[Member]:
    """One group of rollouts per problem, as training makes them, problem by problem."""
    torch.set_num_threads(1)
    policy = Policy(base, METHOD, "cpu", "float32", seed)
    visions = look_at(policy, problems)
    prompts = [student_context(policy, METHOD, p, v) for p, v in zip(problems, visions, strict=True)]
    with frozen(policy), Grader() as grader:
        sampling = Sampling(METHOD.temperature, METHOD.max_response, METHOD.group_size)
        responses = roll_out(policy, prompts, sampling, seed, SIZE)
        owners = [problems[o] for o in responses.owner.tolist()]
        return read_members(policy, METHOD, grader, responses, owners)[0]


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
