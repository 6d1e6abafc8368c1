"""How a problem is solved: a fact and a few calculations, and what goes wrong when one step slips.

Numbers are calculated place by place, as in column addition: 34 and 25 give 3+2=5 and 4+5=9, so 59. Every calculation
has one digit, and each digit of the answer says how the calculations of its place went.

A plan is data, so one walk writes right and wrong solutions alike and a parser can tell where a response left it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Literal

Operator = Literal["+", "-", "*", "/"]
SlipKind = Literal["fact", "read", "operate", "calculate"]
KINDS: dict[SlipKind, int] = {"fact": 1, "read": 1, "operate": 1, "calculate": 9}  # how often each happens, if it can
WRONG_OPERATORS: dict[Operator, Operator] = {"-": "+", "+": "-", "*": "+", "/": "-"}
LARGEST = 9  # every number of a chain has one digit, 1 to 9


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
    """Wordings of the fact (its number last, if it has one) and the calculations that follow."""

    wordings: tuple[str, ...]
    fact: int | None
    steps: tuple[Step, ...]
    ends: tuple[int, ...]  # the steps whose results, side by side, are the answer


@dataclass(frozen=True)
class Slip:
    """One wrong move: at step ``step`` (-1: the fact) ``wrong`` is written in the place of what is right."""

    kind: SlipKind
    step: int
    wrong: int | Operator
    side: Literal["left", "right"] = "right"  # which number was misread


Slips = tuple[Slip, ...] | Slip | None  # what goes wrong in a chain, at most one thing a step


@dataclass(frozen=True)
class Line:
    """One written calculation."""

    left: int
    op: Operator
    right: int
    result: int


def calculate(left: int, op: Operator, right: int) -> int | None:
    """``left op right``, or None when that is not a whole number from 1 to 9."""
    if op == "/":
        value = left // right if right and left % right == 0 else -1
    else:
        value = {"+": left + right, "-": left - right, "*": left * right}[op]
    return value if 1 <= value <= LARGEST else None


def slip_at(slip: Slips, step: int) -> Slip | None:
    """What goes wrong at ``step``."""
    every = slip if isinstance(slip, tuple) else (slip,)
    return next((one for one in every if one is not None and one.step == step), None)


def run(plan: Plan, slip: Slips = None) -> tuple[int | None, list[Line]] | None:
    """The fact and the lines of the chain in which ``slip`` happens, or None if a result leaves the range."""
    mistaken = slip_at(slip, -1)
    fact = mistaken.wrong if mistaken else plan.fact
    known: dict[int, int] = {} if fact is None else {-1: int(fact)}
    lines: list[Line] = []
    for i, step in enumerate(plan.steps):
        here = slip_at(slip, i)
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


def answer(plan: Plan, slip: Slips = None) -> int:
    """The number whose digits are the results of the last step of each place."""
    done = run(plan, slip)
    if done is None:
        raise ValueError(f"{plan} with {slip} leaves the range of the micro world")
    return int("".join(str(done[1][end].result) for end in plan.ends))


def near(value: int) -> list[int]:
    """What the digit ``value`` is mistaken for: another one, off by one or two."""
    return [v for v in (value + 1, value - 1, value + 2, value - 2) if 0 < v <= LARGEST]


@lru_cache(maxsize=2**16)
def slips(plan: Plan, kind: SlipKind) -> tuple[Slip, ...]:
    """Every slip of one kind that keeps the chain in range and changes its answer.

    A wrong result is the last one of its place, so that a digit of the answer tells it: in the middle of a place no
    base of this size learned to find it (AUROC .73 against .92).
    """
    right = run(plan)
    if right is None:
        raise ValueError(f"{plan} leaves the range of the micro world")
    possible: list[Slip] = []
    if kind == "fact" and plan.fact is not None:
        possible = [Slip("fact", -1, wrong) for wrong in near(plan.fact) if wrong > 1]
    for i, (step, line) in enumerate(zip(plan.steps, right[1], strict=True)):
        if kind == "operate":
            possible.append(Slip("operate", i, WRONG_OPERATORS[step.op]))
        if kind == "calculate" and i in plan.ends:
            possible += [Slip("calculate", i, wrong) for wrong in near(line.result)]
        if kind == "read" and isinstance(step.left, int):
            possible += [Slip("read", i, wrong, "left") for wrong in near(step.left)]
        if kind == "read" and isinstance(step.right, int):
            possible += [Slip("read", i, wrong, "right") for wrong in near(step.right)]
    return tuple(s for s in possible if run(plan, s) is not None and answer(plan, s) != answer(plan))


def draw_slip(plan: Plan, rng: Random) -> Slip | None:
    """A slip of a random kind among those the plan allows; None if it allows none."""
    kinds = dict(KINDS)
    while kinds:
        kind = rng.choices(list(kinds), list(kinds.values()))[0]
        if possible := slips(plan, kind):
            return rng.choice(possible)
        del kinds[kind]
    return None


def scramble(plan: Plan, rng: Random) -> tuple[Slip, ...]:
    """A wrong result at the end of every place: any digit, so that nothing but the answer says which."""
    return tuple(Slip("calculate", end, rng.randint(1, LARGEST)) for end in plan.ends)
