"""The reward of a batch of responses in EasyR1's form; EasyR1 loads this file by its path."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from methods.shared.rewards import Grader, boxed_answer, reward

REWARD_NAME = "boxed_answer"
REWARD_TYPE = "batch"


@cache
def _grader(deadline: float) -> Grader:
    return Grader(deadline)


def compute_score(
    reward_inputs: list[dict[str, Any]], kind: Literal["binary", "accuracy_format"], deadline: float
) -> list[dict[str, float]]:
    """``overall`` is the reward; the rest are EasyR1's metrics. An answer without a verdict counts as wrong."""
    boxed = [boxed_answer(one["response"]) for one in reward_inputs]
    verdicts = _grader(deadline).grade(boxed, [one["ground_truth"] for one in reward_inputs])
    return [
        {
            "overall": reward(verdict is True, answer is not None, kind),
            "accuracy": float(verdict is True),
            "format": float(answer is not None),
            "no_verdict": float(verdict is None),
        }
        for answer, verdict in zip(boxed, verdicts, strict=True)
    ]
