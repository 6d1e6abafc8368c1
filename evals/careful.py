r"""A second, careful reading of the answers, beside lmms-eval's, whose scores stay the headline.

It reads the answer that a response announces last, compares letters as letters, text as text, and values with
math_verify 0.9.0. It never guesses: a response that announces no answer is wrong. docs/second-reading.md lists what
lmms-eval's scorers read otherwise.
"""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from methods.shared.rewards import PLAIN_NUMBER, boxed_answer
from methods.shared.same_value import same_value

GOLD = {"dynamath": "ground_truth"}  # column of the gold answer where it is not ``answer``
LONGEST = 1000  # characters of an announced answer; a longer one is none
TAG = re.compile(r"<answer>((?:(?!<answer>).)*?)</answer>", re.DOTALL)
PHRASE = re.compile(
    r"(?:final answer|correct answer|best answer|correct option|correct choice|answer|option|choice)"
    r"\s*(?:is|:|=|should be|must be)\s*:?\s*(.+)",
    re.IGNORECASE,
)
WRAPPED = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mbox|boldsymbol)\s*\{([^{}]*)\}")
NOUN = r"(?:the\s+)?(?:figure|option|choice|answer|picture|diagram|letter|image)?\s*"
ONE_LETTER = re.compile(
    rf"{NOUN}\(?\s*([A-J])\s*(?:\)|$|[.:](?:\s|$)|\)?\s*[.:)]\s.*|\)?,?\s+(?:because|since)\s.*)",
    re.DOTALL | re.IGNORECASE,
)
MANY_LETTERS = re.compile(r"\(?[A-J]\)?(?:\s*(?:,|;|&|\band\b|\s)\s*\(?[A-J]\)?)+", re.IGNORECASE)
ADJACENT = re.compile(r"[A-J]{2,}")  # several letters without anything between them, or a word
WORD = re.compile(r"[A-Za-z]{2,}")


def careful(benchmark: str, row: Mapping[str, Any], response: str) -> bool:
    """Whether the response answers the row of a benchmark; ``row`` is as lmms-eval's task reads it."""
    answer = announced(response)
    if answer is None or len(answer) > LONGEST:
        return False
    options = _options(benchmark, row)
    golds = _golds(str(row[GOLD.get(benchmark, "answer")]), free=options == [])
    if options or all(_letters(gold) for gold in golds):
        return any(_right_choice(answer, gold, options or []) for gold in golds)
    return any(equal(answer, gold) for gold in golds)


def announced(response: str) -> str | None:
    r"""The answer that a response announces: the last of <answer>, \boxed and "the answer is"; else a short response.

    A sentence is read up to its end; None if nothing is announced.
    """
    found = [(match.start(), match[1]) for match in TAG.finditer(response)]
    box = boxed_answer(response)
    if box is not None:
        found.append((response.rfind(r"\boxed{"), box))
    if not found:
        found = [(match.start(), _sentence(match[1])) for match in PHRASE.finditer(response)]
    if found:
        answer = max(found)[1]
        inner = boxed_answer(answer)
        return _plain(answer if inner is None else inner)
    lines = [line for line in response.strip().splitlines() if line.strip()]
    short = len(lines) == 1 and len(lines[0].split()) <= 3 and r"\boxed{" not in lines[0]
    return _plain(lines[0]) if short else None


def equal(answer: str, gold: str) -> bool:
    """Equal as text (case and spaces aside), or else as values; words are compared as text only."""
    if _squeezed(answer) == _squeezed(gold):
        return True
    if PLAIN_NUMBER.fullmatch(answer) and PLAIN_NUMBER.fullmatch(gold):
        return Decimal(answer) == Decimal(gold)
    if WORD.search(re.sub(r"\\[A-Za-z]+", "", gold)):
        return False
    return same_value(answer, gold)


def _options(benchmark: str, row: Mapping[str, Any]) -> list[str] | None:
    """Texts of the options to choose from; none for an open question, None where the row does not list them apart."""
    if benchmark == "mathvision":
        return list(row["options"])
    if benchmark == "mmmu":
        return literal_eval(row["options"]) if row["question_type"] == "multiple-choice" else []
    return None


def _golds(gold: str, free: bool) -> list[str]:
    """The answers that count; MMMU writes several to an open question as a list in Python's notation."""
    if free and gold.startswith("[") and gold.endswith("]"):
        try:
            read = literal_eval(gold)
        except (ValueError, SyntaxError):
            return [gold]
        if isinstance(read, list) and read:
            return [_plain(str(one)) for one in read]
    return [_plain(gold)]


def _right_choice(answer: str, gold: str, options: Sequence[str]) -> bool:
    """The same letters in any order; without a letter, the text of exactly one option."""
    wanted = _letters(gold)
    if len(wanted) > 1 and ADJACENT.fullmatch(answer):
        return set(answer) == wanted
    if chosen := _letters(answer):
        return chosen == wanted
    same = [letter for letter, option in zip("ABCDEFGHIJ", options, strict=False) if equal(answer, _plain(option))]
    return len(same) == 1 and set(same) == wanted


def _letters(text: str) -> set[str]:
    """Letters of the options that a text names; empty if it names none. "Blue" and "A triangle" name none."""
    if many := MANY_LETTERS.fullmatch(text):
        return set(re.findall(r"\b[A-J]\b", many[0].upper()))
    one = ONE_LETTER.fullmatch(text)
    return {one[1].upper()} if one else set()


def _sentence(text: str) -> str:
    """The first sentence of a text."""
    return re.split(r"\.\s|\.$|\n", text.strip())[0]


def _plain(text: str) -> str:
    """Without marks of emphasis, mathematics and LaTeX's text, and without the point at its end."""
    text = WRAPPED.sub(r"\1", text)
    text = re.sub(r"^\s*(?:\$+|\\\(|\*+)|(?:\$+|\\\)|\*+)\s*$", "", text.strip())
    text = text.replace("\u2212", "-").replace("\u00b0", r"^\circ")
    return text.strip().removesuffix(".").strip()


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text).casefold()
