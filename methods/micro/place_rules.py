"""What is calculated in each place of a problem's numbers, from which both the numbers and the plan are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from methods.micro.solution_plan import FACT, LARGEST, Operand, Operator, Plan, Ref, Step, calculate

Numbers = tuple[int, ...]
Draw = Callable[[Random], Numbers]


@dataclass(frozen=True)
class PlaceRule:
    """Moves from the first number on: "+" and "-" take the next number, "*2" or "/3" the fact, which is that digit."""

    moves: tuple[str, ...]

    @property
    def fact(self) -> int | None:
        """The digit that moves with a digit of their own share."""
        return next((int(move[1]) for move in self.moves if len(move) > 1), None)

    @property
    def count(self) -> int:
        """How many numbers a problem has."""
        return 1 + sum(len(move) == 1 for move in self.moves)

    def numbers(self, *places: int) -> Draw:
        """Draws numbers without a 0, all with as many places as one of ``places``, whose results all have one digit."""
        return lambda rng: self._draw(rng, rng.choice(places))

    def _draw(self, rng: Random, places: int) -> Numbers:
        columns = [self._column(rng) for _ in range(places)]
        return tuple(int("".join(map(str, digits))) for digits in zip(*columns, strict=True))

    def _column(self, rng: Random) -> tuple[int, ...]:
        """The digits of one place, evenly among those that stay in range."""
        while True:
            digits = tuple(rng.randint(1, LARGEST) for _ in range(self.count))
            if self._fits(digits):
                return digits

    def _fits(self, digits: tuple[int, ...]) -> bool:
        value, rest = digits[0], iter(digits[1:])
        for move in self.moves:
            result = calculate(value, move[0], int(move[1]) if len(move) > 1 else next(rest))  # type: ignore[arg-type]
            if result is None:
                return False
            value = result
        return True

    def plan(self, wordings: tuple[str, ...], *numbers: int) -> Plan:
        """The calculations of ``numbers``, one place after the other."""
        steps: list[Step] = []
        ends: list[int] = []
        for digits in zip(*map(str, numbers), strict=True):
            running: Operand = int(digits[0])
            rest = map(int, digits[1:])
            for move in self.moves:
                op: Operator = move[0]  # type: ignore[assignment]
                steps.append(Step(running, op, FACT if len(move) > 1 else next(rest)))
                running = Ref(len(steps) - 1)
            ends.append(len(steps) - 1)
        return Plan(wordings, self.fact, tuple(steps), tuple(ends))


SUM = PlaceRule(("+",))
REST = PlaceRule(("-",))
SUM_OF_THREE = PlaceRule(("+", "+"))
SUM_OF_FOUR = PlaceRule(("+", "+", "+"))
REST_OF_TWO = PlaceRule(("-", "-"))
TWICE = PlaceRule(("*2",))
THRICE = PlaceRule(("*3",))
HALF = PlaceRule(("/2",))
TWICE_SUM = PlaceRule(("+", "*2"))
HALF_SUM = PlaceRule(("+", "/2"))
HALF_REST = PlaceRule(("/2", "-"))
THRICE_REST = PlaceRule(("*3", "-"))
SUM_REST = PlaceRule(("+", "-"))
REST_SUM = PlaceRule(("-", "+"))
TWICE_REST = PlaceRule(("*2", "-"))
