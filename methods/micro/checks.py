"""What is required of a base model before anything is trained from it: neither hopeless nor finished, and in format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from methods import seeding
from methods.base import Method
from methods.contexts import student_prompt
from methods.engines.local.data import load_problems
from methods.engines.local.experience import look_at, read_members
from methods.engines.local.policy import Policy
from methods.engines.local.prompts import make_prompt
from methods.engines.local.rollout import Sampling, roll_out
from methods.engines.local.weights import frozen
from methods.rewards import Grader
from workflows.lib.errors import DataError
from workflows.lib.records import Scores

ACCURACY = (0.25, 0.50)  # of rollouts at temperature 1: something to sharpen, something to sharpen from
LEAST_MIXED = 0.5  # share of groups with right and wrong rollouts; the others teach nothing
LEAST_FORMAT = 0.95  # share of rollouts with a boxed answer
HIGHEST_BENCHMARK = 0.8  # accuracy; above it a benchmark cannot show a gain
CHANCE = {"dynamath": 0.0, "mathvision": 0.0, "logicvista": 1 / 4, "mmmu": 1 / 4, "wemath": 1 / 5}
PROBLEMS, GROUP, LONGEST = 160, 8, 64  # what is rolled out: problems, rollouts of each, tokens
REMEDY = "change micro.training or micro.slip_rate, or set check_bases: false to go on regardless"


def check_rollouts(base: Path, validation: Path) -> dict[str, float]:
    """Accuracy, share of mixed groups and format rate of a base on held-out problems; DataError outside the bands."""
    found = measure_rollouts(base, validation)
    low, high = ACCURACY
    refuse = [
        (not low <= found["accuracy"] <= high, f"rollout accuracy {found['accuracy']:.3f} is outside {low} to {high}"),
        (found["mixed"] < LEAST_MIXED, f"only {found['mixed']:.3f} of groups are mixed, {LEAST_MIXED} are needed"),
        (found["format"] < LEAST_FORMAT, f"format rate {found['format']:.3f} is below {LEAST_FORMAT}"),
    ]
    _raise(str(base), [cause for broken, cause in refuse if broken])
    return found


def measure_rollouts(base: Path, validation: Path) -> dict[str, float]:
    """The three numbers of :func:`check_rollouts`, from ``GROUP`` rollouts at temperature 1 of each problem."""
    method = Method(max_response=LONGEST, group_size=GROUP)
    policy = Policy(base, method, "cpu", "float32", seed=0)
    problems = load_problems(validation)[:PROBLEMS]
    prompts = []
    for problem, visions in zip(problems, look_at(policy, problems), strict=True):
        counts = [len(v.tokens) for v in visions]
        ids = student_prompt(policy.processor.tokenizer, problem.text, method.prompt_template, counts)
        prompts.append(make_prompt(ids, visions, policy.config.image_token_id))
    with frozen(policy):
        sampling = Sampling(method.temperature, LONGEST, GROUP)
        responses = roll_out(policy, prompts, sampling, seeding.stream(0, "validation"), size=256)
    with Grader() as grader:
        members, _ = read_members(policy, method, grader, responses, [problems[o] for o in responses.owner.tolist()])
    right = [sum(m.correct for m in members[i : i + GROUP]) for i in range(0, len(members), GROUP)]
    return {
        "accuracy": sum(right) / len(members),
        "mixed": sum(0 < r < GROUP for r in right) / len(right),
        "format": sum(m.answer is not None for m in members) / len(members),
    }


def check_benchmarks(scores: Sequence[Path]) -> dict[str, dict[str, float]]:
    """Accuracies of the untrained bases by scale, smallest first; DataError if one is at chance, too good or misplaced.

    Bases are named by the folders of their ``scores.json``: ``cells/base/<scale>/...``.
    """
    found = {path.parents[3].name: _read(path) for path in scores}
    causes = []
    for scale, score in found.items():
        for name, bench in score.benchmarks.items():
            if not CHANCE[name] < bench.accuracy < HIGHEST_BENCHMARK:
                wanted = f"above chance ({CHANCE[name]:.2f}) and below {HIGHEST_BENCHMARK}"
                causes.append(f"base {scale} scores {bench.accuracy:.3f} on micro-{name}, not {wanted}")
    averages = {scale: score.average for scale, score in found.items()}
    if list(averages.values()) != sorted(averages.values()):
        causes.append(f"a larger base scores lower than a smaller one ({averages})")
    _raise("base models", causes)
    return {s: {n: b.accuracy for n, b in score.benchmarks.items()} for s, score in found.items()}


def _read(path: Path) -> Scores:
    try:
        return Scores.model_validate_json(path.read_text())
    except (OSError, ValidationError) as error:
        raise DataError(str(path), f"not a score file ({error})", "evaluate the base again") from error


def _raise(place: str, causes: list[str]) -> None:
    if causes:
        raise DataError(place, "; ".join(causes), REMEDY)
