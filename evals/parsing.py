"""Which answer lmms-eval's scorer read in a response, for each benchmark, and whether it counted as right.

The scorers only say right or wrong. This module also finds responses without an answer, which are not the same as wrong
answers: for one without an answer MMMU's scorer picks an option at random. The functions that extract answers are
lmms-eval's own (version 0.7.3).
"""

from __future__ import annotations

from ast import literal_eval
from typing import Any

_PHRASES = ("the final answer is", "the answer is", "the correct answer is", "the answer should be")


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


def prediction(name: str, row: dict[str, Any], gold: str, response: str) -> str | None:
    """Return the answer that the scorer compared with ``gold``; None if it read none in the response.

    ``response`` is the text that the scorer was given, without reasoning and surrounding space.
    """
    if name == "mathvision":
        return _mathvision(response)
    if name == "mmmu":
        return _mmmu(row, response)
    return _reasoning(gold, response)


def _reasoning(gold: str, response: str) -> str | None:
    """DynaMath, LogicVista and WeMath: the text in <answer>, else in the last box, else a number at the end of a line.

    If the right answer is a letter, a letter is read from that.
    """
    from lmms_eval.tasks._task_utils.reasoning_utils import extract_anwser_tag, parse_mcq, simple_parse

    answer = simple_parse(extract_anwser_tag(response).strip())
    if len(simple_parse(gold)) == 1 and parse_mcq(simple_parse(gold)):
        answer = parse_mcq(answer)
    return answer or None


def _mathvision(response: str) -> str | None:
    """MathVision: the last box; else the final number or letter, the text after "the answer is", or a single word."""
    from lmms_eval.tasks.mathvision.eval_utils import find_math_answer, is_number

    tail, box = response.split("is ")[-1].rstrip("."), response.rpartition("oxed{")
    if box[1]:
        answer = "" if box[2].lstrip().startswith("}") else find_math_answer("\\boxed{" + box[2])
    elif is_number(tail):
        answer = tail
    else:
        answer = _announced(response)
    return answer or None


def _announced(response: str) -> str:
    letters = [
        c for c in "ABCDE" if response.endswith((f" {c}.", f" ({c}).")) or response.startswith((f"{c}\n", f"({c})\n"))
    ]
    if letters:
        return letters[-1]
    for phrase in (*_PHRASES, *(p.replace("the", "The") for p in _PHRASES)):
        if phrase in response:
            return response.split(phrase)[-1].strip().split("\n")[0].split(". ")[0].rstrip(".")
    return response if len(response.split()) == 1 else ""


class _Letters(list):
    """Option letters that can be iterated, but of which an index gives None, so that a random choice gives None."""

    def __getitem__(self, index: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return None


def _mmmu(row: dict[str, Any], response: str) -> str | None:
    """MMMU: for open questions the response; for multiple choice a letter, None if the scorer would pick at random."""
    if row["question_type"] != "multiple-choice":
        return response or None
    from lmms_eval.tasks.mmmu.utils import get_multi_choice_info, parse_multi_choice_response

    answers, letters = get_multi_choice_info(literal_eval(row["options"]))
    return parse_multi_choice_response(response, _Letters(letters), answers)
