"""Benchmark items: a problem of a benchmark's families, answered by its value or by the letter of a range."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Literal

from methods.micro.canvas import Canvas
from methods.micro.demonstration import Style
from methods.micro.families.dynamath import DYNAMATH
from methods.micro.families.puzzles import LOGICVISTA, MATHVISION
from methods.micro.families.steps import MMMU, WEMATH
from methods.micro.families.training import Family
from methods.micro.place_rules import Numbers
from methods.micro.problems import DrawnProblem, pose, split_of
from methods.micro.solution_plan import answer

Bench = Literal["dynamath", "logicvista", "wemath", "mathvision", "mmmu"]
FAMILIES: dict[Bench, dict[str, Family]] = {
    "dynamath": DYNAMATH,
    "logicvista": LOGICVISTA,
    "wemath": WEMATH,
    "mathvision": MATHVISION,
    "mmmu": MMMU,
}
STYLES: dict[Bench, Style] = {  # what each benchmark's scorer parses
    "dynamath": "tags",
    "logicvista": "tags",
    "wemath": "tags",
    "mathvision": "boxed",
    "mmmu": "letter",
}
CHOICE: tuple[Bench, ...] = ("logicvista", "wemath", "mmmu")
LETTERS = "ABCDEFGH"
# Multiple choice is between ranges of the value: the last value of each range but the open one. The ranges hold
# about equally many of a benchmark's values, so that no letter is right much more often than another.
RANGES: dict[Bench, tuple[int, ...]] = {
    "logicvista": (23, 39, 59, 88, 686),
    "wemath": (22, 34, 44, 66, 86),
    "mmmu": (45, 78, 96, 320, 770, 999, 4300),
}
NO_OPTION = "No correct answer"  # WeMath's last option; never right here


@dataclass(frozen=True)
class Item:
    """One question of a benchmark."""

    bench: Bench
    problem: DrawnProblem
    key: str = ""  # WeMath's place in a problem, such as 2steps_1 or 2steps_multi

    def final(self, value: int) -> str:
        """``value`` as the item wants it answered: itself or the letter of its range."""
        return letter(self.bench, value) if self.bench in CHOICE else str(value)

    @property
    def answer(self) -> str:
        """The right final answer."""
        return self.final(answer(self.problem.plan))


def letter(bench: Bench, value: int) -> str:
    """The letter of the range that ``value`` lies in."""
    return LETTERS[bisect_left(RANGES[bench], value)]


def options(bench: Bench) -> list[str]:
    """The ranges of a multiple-choice benchmark in words."""
    last = RANGES[bench]
    between = [f"{low + 1} to {high}" for low, high in pairwise(last)]
    return [f"at most {last[0]}", *between, f"{last[-1] + 1} or more"]


def held_out(family: str, numbers: Numbers) -> bool:
    """Whether base training never sees this (family, numbers) pair."""
    return split_of(family, numbers) != "base"


def questions(bench: Bench, family: Family, numbers: Numbers, drawing: int) -> list[tuple[str, DrawnProblem]]:
    """The problem of a family, or in WeMath its steps and the whole, each with its key."""
    if bench != "wemath":
        return [("", pose(family, numbers, drawing))]
    canvas = Canvas(Random(f"{family.name}-{numbers}-{drawing}"))  # noqa: S311 - not for secrets
    asked = family.pose(canvas, *numbers)
    count = len(asked) - 1
    parts = [*map(str, range(1, count + 1)), "multi"]
    return [
        (f"{count}steps_{part}", DrawnProblem(family.name, numbers, drawing, question, plan, canvas))
        for part, (question, plan) in zip(parts, asked, strict=True)
    ]
