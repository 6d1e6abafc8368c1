"""Which answer lmms-eval's scorer read in a response, for each benchmark, and whether it counted as right.

The scorers say only right or wrong. A response without an answer must be told from a wrong answer: MMMU's scorer then
picks an option at random.
"""

from __future__ import annotations

import re
from typing import Any


def correct(name: str, sample: dict[str, Any]) -> float:
    """1.0 if the scorer counted the sample as right, else 0.0. ``sample``: a record of lmms-eval's ``samples``."""
    if name == "dynamath":
        return float(sample["dynamath_average"]["acc"])
    if name == "mathvision":
        return float(sample["mathvision_standard_eval"]["scores"][0])
    if name == "mmmu":
        from lmms_eval.tasks.mmmu.utils import evaluate_mmmu

        outcome: Any = evaluate_mmmu([sample["mmmu_acc"]])
        return float(outcome[1]["acc"])
    return float(sample["acc_score"])


def prediction(name: str, response: str, reading: str | None) -> str | None:
    """The answer that the scorer compared with the gold one; None if it found none.

    ``response`` is what the scorer saw: reasoning stripped, surrounding space removed. ``reading`` is what it read out
    of it last (evals/readings.py).
    """
    if not reading or (name == "mathvision" and not _announced(response, reading)):
        return None
    return reading


def _announced(response: str, reading: str) -> bool:
    """Whether something in the response says where the answer is; else MathVision's scorer compares all that it says.

    An empty box, or one that does not close, is compared with its name.
    """
    from lmms_eval.tasks.mathvision.eval_utils import find_math_answer

    if "oxed" in reading:
        return False
    return "oxed{" in response or len(response.split()) == 1 or _bare(find_math_answer(response)) != _bare(reading)


def _bare(answer: str) -> str:
    return re.sub(r"[(){}.:\s]", "", answer)
