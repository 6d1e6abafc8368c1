"""The reward that EasyR1 loads by its path: which grader decides it, and what the other grader would have said."""

from __future__ import annotations

import pytest

from methods.engines.easyr1.reward import compute_score
from methods.shared.rewards import GraderName

# right for both graders, for math_verify alone, for none, nothing boxed
RESPONSES = [
    {"response": r"so \boxed{42.0}", "ground_truth": "42"},
    {"response": r"so \boxed{2/4}", "ground_truth": r"\frac{1}{2}"},
    {"response": r"so \boxed{5}", "ground_truth": "4"},
    {"response": "so I do not know", "ground_truth": "4"},
]


@pytest.mark.parametrize(
    ("grader", "accuracy", "other"),
    [
        ("mathruler", [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]),
        ("math_verify", [1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]),
        ("either", [1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]),
    ],
)
def test_the_grader_of_the_option_decides(grader: GraderName, accuracy: list[float], other: list[float]):
    scores = compute_score(RESPONSES, "binary", 5.0, grader)
    assert [one["overall"] for one in scores] == [one["accuracy"] for one in scores] == accuracy
    assert [one["other_grader"] for one in scores] == other
    assert [one["format"] for one in scores] == [1.0, 1.0, 1.0, 0.0]
    assert not any(one["no_verdict"] for one in scores)
