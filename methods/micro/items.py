"""Benchmark items: a problem of a benchmark's families, with options where the benchmark is multiple choice."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from methods.micro.canvas import Canvas
from methods.micro.demonstration import Style
from methods.micro.families import Family, Numbers
from methods.micro.families_dynamath import DYNAMATH
from methods.micro.families_puzzles import LOGICVISTA, MATHVISION
from methods.micro.families_steps import MMMU, WEMATH
from methods.micro.plan import KINDS, Plan, Slip, answer, near, slips
from methods.micro.problems import Problem, pose, split_of

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
LETTERS = "ABCDE"
OPTIONS = 4
NO_OPTION = "No correct answer"  # WeMath's last option
NO_OPTION_RATE = 0.1  # share of WeMath items whose answer it is


@dataclass(frozen=True)
class Item:
    """One question of a benchmark."""

    bench: Bench
    problem: Problem
    options: tuple[int, ...] = ()  # empty: a free answer
    key: str = ""  # WeMath's place in a problem, such as 2steps_1 or 2steps_multi

    def final(self, value: int) -> str | None:
        """``value`` as the item wants it answered: itself or an option's letter; None if it is no option."""
        if not self.options:
            return str(value)
        if value in self.options:
            return LETTERS[self.options.index(value)]
        return LETTERS[OPTIONS] if self.bench == "wemath" else None

    @property
    def answer(self) -> str:
        """The right final answer."""
        final = self.final(answer(self.problem.plan))
        assert final is not None, "the right value is an option"  # noqa: S101
        return final


def held_out(family: str, numbers: Numbers) -> bool:
    """Whether base training never sees this (family, numbers) pair."""
    return split_of(family, numbers) != "base"


def questions(bench: Bench, family: Family, numbers: Numbers, drawing: int) -> list[tuple[str, Problem]]:
    """The problem of a family, or in WeMath its steps and the whole, each with its key."""
    if bench != "wemath":
        return [("", pose(family, numbers, drawing))]
    canvas = Canvas(Random(f"{family.name}-{numbers}-{drawing}"))  # noqa: S311 - not for secrets
    asked = family.pose(canvas, *numbers)
    count = len(asked) - 1
    parts = [*map(str, range(1, count + 1)), "multi"]
    return [
        (f"{count}steps_{part}", Problem(family.name, numbers, drawing, question, plan, canvas))
        for part, (question, plan) in zip(parts, asked, strict=True)
    ]


def draw_item(bench: Bench, key: str, problem: Problem, rng: Random, slip: Slip | None = None) -> Item:
    """An item whose options hold the right value (WeMath: nearly always) and the value that ``slip`` leads to."""
    if bench not in CHOICE:
        return Item(bench, problem, (), key)
    right = answer(problem.plan)
    wanted = {right} if bench != "wemath" or rng.random() >= NO_OPTION_RATE else set()
    if slip is not None:
        wanted.add(answer(problem.plan, slip))
    others = [value for value in distractors(problem.plan) if value not in wanted and value != right]
    options = [*sorted(wanted), *rng.sample(others, OPTIONS - len(wanted))]
    rng.shuffle(options)
    return Item(bench, problem, tuple(options), key)


def distractors(plan: Plan) -> list[int]:
    """Values that slips lead to, then more that lie near the right one; at least four."""
    found = {answer(plan, slip) for kind in KINDS for slip in slips(plan, kind)}
    right = answer(plan)
    found |= {v for v in (*near(right), right + 5, right + 20) if v != right}
    return sorted(found)
