"""What lmms-eval's scorer (version 0.7.3) compared with the gold answer, taken from the scorer while it works."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Report = Callable[[str], None]  # told what was read out of an answer, just before it is compared
REASONING = ("dynamath", "logicvista", "wemath")  # they share one scorer


def watch(benchmark: str, scorer: Callable[..., dict], report: Report) -> None:
    """Put ourselves between ``scorer`` and what it compares with. For good: only in a process made for scoring."""
    if benchmark == "mathvision":
        _watch_mathvision(scorer.__globals__, report)
    elif benchmark == "mmmu":
        _watch_mmmu(scorer.__globals__, report)
    elif benchmark in REASONING:
        _watch_reasoning(report)


def _watch_mathvision(names: dict[str, Any], report: Report) -> None:
    """Its ``is_equal(gold, answer)`` is called with the answer it read, once or twice."""
    compare = names["is_equal"]

    def is_equal(gold: str, answer: str) -> bool:
        report(answer)
        return compare(gold, answer)

    names["is_equal"] = is_equal


def _watch_reasoning(report: Report) -> None:
    """Letters are compared as letters, all else as text; what then counts by its value was read as the text."""
    from lmms_eval.tasks._task_utils import reasoning_utils

    if getattr(reasoning_utils.relax_exact_match, "reports", False):
        return  # another of the three has done it
    compare, verify, text = reasoning_utils.relax_exact_match, reasoning_utils.verify, ""

    def relax_exact_match(answer: str, gold: str) -> float:
        nonlocal text
        text = answer
        report(reasoning_utils.parse_mcq(answer) if reasoning_utils.parse_mcq(gold) else answer)
        return compare(answer, gold)

    def by_value(gold: Any, answer: Any) -> bool:  # noqa: ANN401 - sympy's expressions
        equal = verify(gold, answer)
        if equal:
            report(text)
        return equal

    relax_exact_match.reports = True  # pyright: ignore[reportFunctionMemberAccess]
    reasoning_utils.relax_exact_match = relax_exact_match
    reasoning_utils.verify = by_value


def _watch_mmmu(names: dict[str, Any], report: Report) -> None:
    """A letter, unless the scorer draws one at random; of an open question every number and phrase that it compares."""
    parse_letter, parse_open = names["parse_multi_choice_response"], names["parse_open_response"]

    def parse_multi_choice_response(response: str, letters: list[str], answers: dict[str, str]) -> str:
        before = random.getstate()
        letter = parse_letter(response, letters, answers)
        if random.getstate() == before:
            report(letter)
        return letter

    def parse_open_response(response: str) -> list[str | float]:
        read = parse_open(response)
        report("; ".join(sorted(str(one).strip() for one in read)))
        return read

    names |= {"parse_multi_choice_response": parse_multi_choice_response, "parse_open_response": parse_open_response}
