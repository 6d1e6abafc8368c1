"""How a problem is solved: a fact and a few calculations, and what goes wrong when one step slips.

A plan is data, so one walk writes right and wrong solutions alike and a parser can tell where a response left it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

Operator = Literal["+", "-", "*", "/"]
SlipKind = Literal["fact", "read", "operate", "calculate"]
KINDS: tuple[SlipKind, ...] = ("fact", "read", "operate", "calculate")
# Facts of geometry are mistaken for each other; any other number is misread, see `near`.
WRONG_FACTS: dict[int, Sequence[int]] = {
    180: (90, 360),
    90: (180, 60),
    360: (180, 90),
    2: (4, 3),
    4: (2, 3),
    3: (4, 2),
    5: (6, 4),
    6: (5, 4),
}
WRONG_OPERATORS: dict[Operator, Operator] = {"-": "+", "+": "-", "*": "+", "/": "-"}
LARGEST = 999  # three digits; also the largest number a slipped chain may reach


@dataclass(frozen=True)
class Ref:
    """A number written earlier in the chain: the result of a step, or the fact for step -1."""

    step: int


FACT = Ref(-1)
Operand = int | Ref  # an int is read off the diagram or the problem's text


@dataclass(frozen=True)
class Step:
    """One calculation, ``left op right``."""

    left: Operand
    op: Operator
    right: Operand


@dataclass(frozen=True)
class Plan:
    """A sentence that states the fact (its number last, if it has one) and the calculations that follow."""

    sentence: str
    fact: int | None
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Slip:
    """One wrong move: at step ``step`` (-1: the fact) ``wrong`` is written in the place of what is right."""

    kind: SlipKind
    step: int
    wrong: int | Operator
    side: Literal["left", "right"] = "right"  # which number was misread


@dataclass(frozen=True)
class Line:
    """One written calculation."""

    left: int
    op: Operator
    right: int
    result: int


def calculate(left: int, op: Operator, right: int) -> int | None:
    """``left op right``, or None when that is not a whole number from 0 to 999."""
    if op == "/":
        value = left // right if right and left % right == 0 else -1
    else:
        value = {"+": left + right, "-": left - right, "*": left * right}[op]
    return value if 0 <= value <= LARGEST else None


def run(plan: Plan, slip: Slip | None = None) -> tuple[int | None, list[Line]] | None:
    """The fact and the lines of the chain in which ``slip`` happens, or None if a result leaves the range."""
    fact = slip.wrong if slip and slip.kind == "fact" else plan.fact
    known: dict[int, int] = {} if fact is None else {-1: int(fact)}
    lines: list[Line] = []
    for i, step in enumerate(plan.steps):
        here = slip if slip and slip.step == i else None
        left, right = (o if isinstance(o, int) else known[o.step] for o in (step.left, step.right))
        if here and here.kind == "read":
            left, right = (int(here.wrong), right) if here.side == "left" else (left, int(here.wrong))
        op: Operator = here.wrong if here and here.kind == "operate" else step.op  # type: ignore[assignment]
        result = calculate(left, op, right)
        if result is None:
            return None
        known[i] = int(here.wrong) if here and here.kind == "calculate" else result
        lines.append(Line(left, op, right, known[i]))
    return (None if fact is None else int(fact)), lines


def answer(plan: Plan, slip: Slip | None = None) -> int:
    """The number the chain ends in."""
    done = run(plan, slip)
    if done is None:
        raise ValueError(f"{plan} with {slip} leaves the range of the micro world")
    fact, lines = done
    return lines[-1].result if lines else int(fact or 0)


def near(value: int) -> list[int]:
    """What ``value`` is mistaken for: off by one, two or ten, digits swapped."""
    swapped = int(str(value)[::-1])
    close = [value + 1, value - 1, value + 2, value - 2, value + 10, value - 10, swapped]
    return [v for v in close if 0 < v <= LARGEST and v != value]


def slips(plan: Plan, kind: SlipKind) -> list[Slip]:
    """Every slip of one kind that keeps the chain in range and changes its answer."""
    right = run(plan)
    if right is None:
        raise ValueError(f"{plan} leaves the range of the micro world")
    found: list[Slip] = []
    if kind == "fact" and plan.fact is not None:
        found = [Slip("fact", -1, wrong) for wrong in WRONG_FACTS.get(plan.fact, near(plan.fact))]
    for i, (step, line) in enumerate(zip(plan.steps, right[1], strict=True)):
        if kind == "operate":
            found.append(Slip("operate", i, WRONG_OPERATORS[step.op]))
        if kind == "calculate":
            found += [Slip("calculate", i, wrong) for wrong in near(line.result)]
        if kind == "read" and isinstance(step.left, int):
            found += [Slip("read", i, wrong, "left") for wrong in near(step.left)]
        if kind == "read" and isinstance(step.right, int):
            found += [Slip("read", i, wrong, "right") for wrong in near(step.right)]
    return [s for s in found if run(plan, s) is not None and answer(plan, s) != answer(plan)]


def draw_slip(plan: Plan, rng: Random) -> Slip | None:
    """A slip of a random kind among those the plan allows; None if it allows none."""
    for kind in rng.sample(KINDS, len(KINDS)):
        if found := slips(plan, kind):
            return rng.choice(found)
    return None
