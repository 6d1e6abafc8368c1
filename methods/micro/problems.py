"""A problem: a family, its numbers, one drawing of them; and the split that its numbers put it in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from methods.micro.canvas import Canvas
from methods.micro.families.training import Family
from methods.micro.place_rules import Numbers
from methods.micro.solution_plan import Plan, answer

Split = Literal["base", "train", "validation", "test"]
SHARES: dict[Split, int] = {"base": 60, "train": 20, "validation": 10, "test": 10}  # per cent of all (family, numbers)


@dataclass(frozen=True)
class DrawnProblem:
    """One drawn problem; the same id and seed give the same drawing."""

    family: str
    numbers: Numbers
    drawing: int
    question: str
    plan: Plan
    canvas: Canvas

    @property
    def id(self) -> str:
        """``family-number-...-drawing``: names everything the problem is made of."""
        return "-".join([self.family, *map(str, self.numbers), str(self.drawing)])

    @property
    def answer(self) -> str:
        """The right final answer."""
        return str(answer(self.plan))


def split_of(family: str, numbers: Numbers) -> Split:
    """The split of a (family, numbers) pair, by hash, so that no pair is in two; the numbers' order does not matter."""
    key = "-".join([family, *map(str, sorted(numbers))])
    bucket = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % 100
    for split, share in SHARES.items():
        if bucket < share:
            return split
        bucket -= share
    raise AssertionError("the shares add to 100")


def pose(family: Family, numbers: Numbers, drawing: int) -> DrawnProblem:
    """Draws one problem."""
    canvas = Canvas(Random(f"{family.name}-{numbers}-{drawing}"))  # noqa: S311 - not for secrets
    question, plan = family.pose(canvas, *numbers)
    return DrawnProblem(family.name, numbers, drawing, question, plan, canvas)


def draw_numbers(family: Family, split: Split, rng: Random) -> Numbers:
    """Numbers of a family that belong to ``split``."""
    while True:
        numbers = family.numbers(rng)
        if split_of(family.name, numbers) == split:
            return numbers


def draw_problems(families: Sequence[Family], split: Split, count: int, seed: int) -> list[DrawnProblem]:
    """``count`` problems of one split, the families in turn; numbers repeat only in another drawing."""
    rng = Random(f"problems-{split}-{seed}")  # noqa: S311
    return [
        pose(family, draw_numbers(family, split, rng), drawing)
        for drawing in range(count)
        for family in [families[drawing % len(families)]]
    ]


def find_problem(families: dict[str, Family], id: str) -> DrawnProblem:
    """The problem an id names."""
    family, *numbers, drawing = id.split("-")
    return pose(families[family], tuple(map(int, numbers)), int(drawing))
