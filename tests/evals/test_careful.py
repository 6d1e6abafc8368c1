r"""The careful second reading on what lmms-eval's scorers misread, and on what they read well."""

from __future__ import annotations

import pytest

from evals.careful import announced, careful
from tests.helpers.eval_fixtures import ROWS


def row(benchmark: str, gold: str, **changed: object) -> dict:
    column = "ground_truth" if benchmark == "dynamath" else "answer"
    return ROWS[benchmark](0) | {column: gold} | changed


OPTIONS = {"options": "['10', '20', 'a b']", "question_type": "multiple-choice"}
NINE = {"options": str([str(number) for number in range(1, 10)]), "question_type": "multiple-choice"}
CHOICES = {"options": ["3", "4", r"\frac{1}{2}"]}


@pytest.mark.parametrize(
    ("benchmark", "gold", "response", "right", "changed"),
    [
        ("mathvision", r"\frac{1}{2}", r"\boxed{\frac12}", True, {}),
        ("mathvision", "2", r"\boxed{\sqrt[3]{8}}", True, {}),
        ("mathvision", "Friday", r"\boxed{\text{Friday}}", True, {}),
        ("mathvision", "0.003", r"\boxed{0.001}", False, {}),
        ("mathvision", "6", r"So it is \boxed{4} units and the total is 6.", False, {}),
        ("mathvision", "B", r"\boxed{B}, but not (C).", True, CHOICES),
        ("mathvision", "C", r"\boxed{0.5}", True, CHOICES),
        ("mathvision", "A", "The answer is (A) 3.", True, CHOICES),
        ("logicvista", "A, C", "<answer>A</answer>", False, {}),
        ("logicvista", "A, C", "<answer>C, A</answer>", True, {}),
        ("logicvista", "A, C", "<answer>A and C</answer>", True, {}),
        ("logicvista", "C", "<answer>Figure C</answer>", True, {}),
        ("logicvista", "A", "<answer>A triangle</answer>", False, {}),
        ("dynamath", "Black", "<answer>Blue</answer>", False, {}),
        ("dynamath", "Black", r"\boxed{black}", True, {}),
        ("dynamath", "-7", "The answer is -7", True, {}),
        ("dynamath", "7", "The answer is -7", False, {}),
        ("dynamath", "7.0", r"\boxed{14/2}", True, {}),
        ("dynamath", "-5", "\\boxed{\u22125}", True, {}),
        ("dynamath", "60", "\\boxed{60\u00b0}", True, {}),
        ("logicvista", "A, C", "<answer>AC</answer>", True, {}),
        ("logicvista", "A, C", "<answer>ABC</answer>", False, {}),
        ("logicvista", "A, C", "<answer>(c) and (a)</answer>", True, {}),
        ("logicvista", "B", "The correct answer is option B because A is false.", True, {}),
        ("logicvista", "A", "The correct answer is option B because A is false.", False, {}),
        ("mmmu", "I", "<answer>I</answer>", True, NINE),
        ("mmmu", "I", "<answer>9</answer>", True, NINE),
        ("mmmu", "I", "<answer>H</answer>", False, NINE),
        ("mmmu", "B", r"\boxed{B}", True, OPTIONS),
        ("mmmu", "B", "**B**", True, OPTIONS),
        ("mmmu", "B", "<answer>20</answer>", True, OPTIONS),
        ("mmmu", "B", "I cannot tell which of these it is", False, OPTIONS),
        ("mmmu", "['$MgS$', 'MgS']", r"\boxed{MgS}", True, {}),
        ("mmmu", "40", "We add. The answer is 40.", True, {}),
        ("mmmu", "40", "The answer is 40.5", False, {}),
        ("wemath", "B", "<answer>B. 1</answer>", True, {}),
        ("wemath", "B", "<answer>C</answer>", False, {}),
    ],
)
def test_answers_by_hand(benchmark: str, gold: str, response: str, right: bool, changed: dict):
    assert careful(benchmark, row(benchmark, gold, **changed), response) is right


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (r"\boxed{1} no, <answer>2</answer>", "2"),
        (r"<answer>\boxed{3}</answer>", "3"),
        ("The answer is 4. The end.", "4"),
        ("The answer is 4.5", "4.5"),
        ("12", "12"),
        ("", None),
        ("so it goes on and on", None),
        (r"\boxed{5", None),
    ],
)
def test_what_a_response_announces(response: str, answer: str | None):
    assert announced(response) == answer
