"""The reward of a batch of responses in EasyR1's form; EasyR1 loads this file by its path."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from methods.shared.rewards import Grader, GraderName, boxed_answer, reward

REWARD_NAME = "boxed_answer"
REWARD_TYPE = "batch"


@cache
def _grader(deadline: float) -> Grader:
    return Grader(deadline)


def compute_score(
    reward_inputs: list[dict[str, Any]],
    kind: Literal["binary", "accuracy_format"],
    deadline: float,
    grader: GraderName = "mathruler",
) -> list[dict[str, float]]:
    """``overall`` is the reward; the rest are EasyR1's metrics. An answer without a verdict counts as wrong.

    ``other_grader`` (1: the other grader would change this reward) is absent where that grader is not installed.
    """
    boxed = [boxed_answer(one["response"]) for one in reward_inputs]
    truths = [one["ground_truth"] for one in reward_inputs]
    verdicts = _grader(deadline).grade(boxed, truths, grader)
    changed = _grader(deadline).changed(boxed, truths, verdicts, grader)
    others = [{} for _ in boxed] if changed is None else [{"other_grader": float(one)} for one in changed]
    return [
        {
            "overall": reward(verdict is True, answer is not None, kind),
            "accuracy": float(verdict is True),
            "format": float(answer is not None),
            "no_verdict": float(verdict is None),
            **other,
        }
        for answer, verdict, other in zip(boxed, verdicts, others, strict=True)
    ]
