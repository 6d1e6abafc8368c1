"""What a family is, and the training families: plane geometry with the numbers written in the diagram."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from methods.micro.canvas import Canvas
from methods.micro.families import diagrams
from methods.micro.solution_plan import FACT, Plan, Ref, Step

Numbers = tuple[int, ...]
Draw = Callable[[Random], Numbers]
Asked = tuple[str, Plan]


@dataclass(frozen=True)
class Family:
    """One kind of problem: which numbers it takes, and how it is drawn, asked and solved for them."""

    name: str
    numbers: Draw
    pose: Callable[..., Any]  # canvas, *numbers -> question and plan; in WeMath one such pair per step and the whole


def between(*ranges: tuple[int, int]) -> Draw:
    """Independent numbers, one from each inclusive range."""
    return lambda rng: tuple(rng.randint(low, high) for low, high in ranges)


def even(low: int, high: int) -> Draw:
    """One even number."""
    return lambda rng: (2 * rng.randint((low + 1) // 2, high // 2),)


def parts(total: int, count: int, least: int = 10) -> Draw:
    """``count`` numbers of at least ``least`` that leave at least ``least`` of ``total``."""

    def numbers(rng: Random) -> Numbers:
        while True:
            drawn = tuple(rng.randint(least, total - count * least) for _ in range(count))
            if total - sum(drawn) >= least:
                return drawn

    return numbers


def family(registry: dict[str, Family], numbers: Draw) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a function as a family of its own name; names hold no hyphen, which separates the parts of an id."""

    def register(pose: Callable[..., Any]) -> Callable[..., Any]:
        registry[pose.__name__] = Family(pose.__name__, numbers, pose)
        return pose

    return register


def subtract(first: Ref, *numbers: int) -> tuple[Step, ...]:
    """``first`` minus each number in turn."""
    return tuple(Step(first if i == 0 else Ref(i - 1), "-", number) for i, number in enumerate(numbers))


TRIANGLE = "The angles of a triangle add to"
LINE = "The angles on a line add to"
CORNER = "A right angle is"
PAIRS = "The number of equal pairs is"
RECTANGLE_AREA = "The area is width times height"

TRAINING: dict[str, Family] = {}


@family(TRAINING, parts(180, 2, 15))
def triangle(canvas: Canvas, a: int, b: int) -> Asked:
    """Two angles of a triangle give the third."""
    diagrams.triangle(canvas, a, b, "x")
    return "Find x in the triangle.", Plan(TRIANGLE, 180, subtract(FACT, a, b))


@family(TRAINING, parts(180, 1))
def line(canvas: Canvas, a: int) -> Asked:
    """An angle on a straight line gives its neighbour."""
    diagrams.straight(canvas, a, "x")
    return "The angles form a line. Find x.", Plan(LINE, 180, subtract(FACT, a))


@family(TRAINING, parts(90, 1, 5))
def corner(canvas: Canvas, a: int) -> Asked:
    """A part of a right angle gives the other part."""
    diagrams.right(canvas, "x", a)
    return "The angles form a right angle. Find x.", Plan(CORNER, 90, subtract(FACT, a))


@family(TRAINING, even(10, 160))
def isosceles(canvas: Canvas, apex: int) -> Asked:
    """The apex of an isosceles triangle gives its base angle."""
    diagrams.triangle(canvas, "x", None, apex)
    return "The triangle is isosceles. Find x.", Plan(TRIANGLE, 180, (*subtract(FACT, apex), Step(Ref(0), "/", 2)))


@family(TRAINING, between((15, 85), (15, 85)))
def exterior(canvas: Canvas, a: int, b: int) -> Asked:
    """Two inner angles of a triangle give the outer angle at the third corner."""
    canvas.polygon([(4, 50), (40, 50), (20, 8)], by=2)
    canvas.line((40, 50), (62, 50))
    diagrams.labels(canvas, (4, 42, a), (20, 18, b), (48, 38, "x"))
    return "Find the exterior angle x.", Plan("Add the two far angles", None, (Step(a, "+", b),))


@family(TRAINING, parts(360, 2, 40))
def point(canvas: Canvas, a: int, b: int) -> Asked:
    """Two of three angles around a point give the third."""
    diagrams.around(canvas, a, b, "x")
    return "The angles meet at a point. Find x.", Plan("The angles at a point add to", 360, subtract(FACT, a, b))


@family(TRAINING, between((2, 40), (2, 40)))
def perimeter(canvas: Canvas, width: int, height: int) -> Asked:
    """Twice the sum of width and height."""
    diagrams.rectangle(canvas, width, height)
    steps = (Step(width, "+", height), Step(Ref(0), "*", FACT))
    return "Find the perimeter of the rectangle.", Plan(PAIRS, 2, steps)


@family(TRAINING, between((2, 12), (2, 12)))
def area(canvas: Canvas, width: int, height: int) -> Asked:
    """Width times height."""
    diagrams.rectangle(canvas, width, height)
    return "Find the area of the rectangle.", Plan(RECTANGLE_AREA, None, (Step(width, "*", height),))


@family(TRAINING, lambda rng: (2 * rng.randint(1, 6), rng.randint(2, 12)))
def half(canvas: Canvas, base: int, height: int) -> Asked:
    """Half of base times height."""
    diagrams.triangle(canvas, None, None, height)
    canvas.label(32, 60, base)
    plan = Plan("Half of base times height, so divide by", 2, (Step(base, "*", height), Step(Ref(0), "/", FACT)))
    return "Find the area of the triangle.", plan


@family(TRAINING, parts(360, 3, 40))
def quadrilateral(canvas: Canvas, a: int, b: int, c: int) -> Asked:
    """Three angles of a quadrilateral give the fourth."""
    canvas.polygon([(6, 54), (58, 54), (52, 10), (14, 10)])
    diagrams.labels(canvas, (8, 46, a), (42, 46, b), (40, 16, c), (16, 16, "x"))
    return "Find x in the quadrilateral.", Plan("The angles of a quadrilateral add to", 360, subtract(FACT, a, b, c))
