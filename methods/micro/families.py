"""The training families: plane geometry with the numbers written in the diagram.

A family draws its diagram for given numbers and says how the problem is asked and solved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from methods.micro.canvas import Canvas
from methods.micro.plan import FACT, Plan, Ref, Step

Numbers = tuple[int, ...]
Asked = tuple[str, Plan]


@dataclass(frozen=True)
class Family:
    """How to draw one kind of problem."""

    name: str
    numbers: Callable[[Random], Numbers]
    draw: Callable[..., Asked]  # canvas, *numbers -> question and plan


TRAINING: dict[str, Family] = {}


def between(*ranges: tuple[int, int]) -> Callable[[Random], Numbers]:
    """Independent numbers, one from each inclusive range."""
    return lambda rng: tuple(rng.randint(low, high) for low, high in ranges)


def parts(total: int, count: int, least: int = 10) -> Callable[[Random], Numbers]:
    """``count`` numbers of at least ``least`` that leave at least ``least`` of ``total``."""

    def numbers(rng: Random) -> Numbers:
        while True:
            drawn = tuple(rng.randint(least, min(170, total - least)) for _ in range(count))
            if total - sum(drawn) >= least:
                return drawn

    return numbers


def family(
    registry: dict[str, Family], numbers: Callable[[Random], Numbers]
) -> Callable[[Callable[..., Asked]], Callable[..., Asked]]:
    """Registers a drawing function under its own name."""

    def register(draw: Callable[..., Asked]) -> Callable[..., Asked]:
        registry[draw.__name__] = Family(draw.__name__, numbers, draw)
        return draw

    return register


@family(TRAINING, parts(180, 2, 15))
def triangle(canvas: Canvas, a: int, b: int) -> Asked:
    """Two angles of a triangle give the third."""
    canvas.polygon([(6, 56), (58, 56), (28, 8)])
    canvas.label(10, 46, a)
    canvas.label(43, 46, b)
    canvas.label(26, 18, "x")
    plan = Plan("The angles of a triangle add to", 180, (Step(FACT, "-", a), Step(Ref(0), "-", b)))
    return "Find x in the triangle.", plan


@family(TRAINING, parts(180, 1))
def line(canvas: Canvas, a: int) -> Asked:
    """An angle on a straight line gives its neighbour."""
    canvas.line((3, 45), (60, 45))
    canvas.line((30, 45), (30 + canvas.rng.randint(-18, 18), 10))
    canvas.label(8, 32, a)
    canvas.label(42, 32, "x")
    return "The angles form a line. Find x.", Plan("The angles on a line add to", 180, (Step(FACT, "-", a),))


@family(TRAINING, parts(90, 1, 5))
def corner(canvas: Canvas, a: int) -> Asked:
    """A part of a right angle gives the other part."""
    canvas.line((10, 5), (10, 55), (60, 55))
    canvas.line((10, 55), (50, 55 - canvas.rng.randint(15, 45)))
    canvas.label(34, 42, a)
    canvas.label(16, 12, "x")
    return "The angles form a right angle. Find x.", Plan("A right angle is", 90, (Step(FACT, "-", a),))


@family(TRAINING, lambda rng: (2 * rng.randint(5, 80),))
def isosceles(canvas: Canvas, apex: int) -> Asked:
    """The apex of an isosceles triangle gives its base angle."""
    canvas.polygon([(6, 56), (58, 56), (32, 8)])
    canvas.label(26, 18, apex)
    canvas.label(12, 46, "x")
    plan = Plan("The angles of a triangle add to", 180, (Step(FACT, "-", apex), Step(Ref(0), "/", 2)))
    return "The triangle is isosceles. Find x.", plan


@family(TRAINING, between((15, 85), (15, 85)))
def exterior(canvas: Canvas, a: int, b: int) -> Asked:
    """Two inner angles of a triangle give the outer angle at the third corner."""
    canvas.polygon([(4, 50), (40, 50), (20, 10)], by=2)
    canvas.line((40, 50), (62, 50))
    canvas.label(8, 42, a)
    canvas.label(20, 18, b)
    canvas.label(48, 38, "x")
    return "Find the exterior angle x.", Plan("Add the two far angles", None, (Step(a, "+", b),))


@family(TRAINING, parts(360, 2, 40))
def point(canvas: Canvas, a: int, b: int) -> Asked:
    """Two of three angles around a point give the third."""
    canvas.line((32, 32), (32, 2), by=2)
    canvas.line((32, 32), (4, 54), by=2)
    canvas.line((32, 32), (60, 54), by=2)
    canvas.label(10, 24, a)
    canvas.label(40, 24, b)
    canvas.label(30, 52, "x")
    plan = Plan("The angles at a point add to", 360, (Step(FACT, "-", a), Step(Ref(0), "-", b)))
    return "The angles meet at a point. Find x.", plan


@family(TRAINING, between((2, 40), (2, 40)))
def perimeter(canvas: Canvas, width: int, height: int) -> Asked:
    """Twice the sum of width and height."""
    canvas.polygon([(18, 16), (58, 16), (58, 48), (18, 48)], by=2)
    canvas.label(32, 56, width)
    canvas.label(0, 30, height)
    plan = Plan("The number of equal pairs is", 2, (Step(width, "+", height), Step(Ref(0), "*", FACT)))
    return "Find the perimeter of the rectangle.", plan


@family(TRAINING, between((2, 12), (2, 12)))
def area(canvas: Canvas, width: int, height: int) -> Asked:
    """Width times height."""
    canvas.polygon([(18, 16), (58, 16), (58, 48), (18, 48)], by=2)
    canvas.label(32, 56, width)
    canvas.label(0, 30, height)
    return "Find the area of the rectangle.", Plan("The area is width times height", None, (Step(width, "*", height),))


@family(TRAINING, lambda rng: (2 * rng.randint(1, 6), rng.randint(2, 12)))
def half(canvas: Canvas, base: int, height: int) -> Asked:
    """Half of base times height."""
    canvas.polygon([(6, 48), (58, 48), (32, 6)], by=2)
    canvas.line((32, 8), (32, 48))
    canvas.label(32, 56, base)
    canvas.label(32, 30, height)
    plan = Plan("Half of base times height, so divide by", 2, (Step(base, "*", height), Step(Ref(0), "/", FACT)))
    return "Find the area of the triangle.", plan


@family(TRAINING, parts(360, 3, 40))
def quadrilateral(canvas: Canvas, a: int, b: int, c: int) -> Asked:
    """Three angles of a quadrilateral give the fourth."""
    canvas.polygon([(6, 54), (58, 54), (52, 10), (14, 10)])
    canvas.label(12, 46, a)
    canvas.label(42, 46, b)
    canvas.label(40, 16, c)
    canvas.label(16, 16, "x")
    steps = (Step(FACT, "-", a), Step(Ref(0), "-", b), Step(Ref(1), "-", c))
    return "Find x in the quadrilateral.", Plan("The angles of a quadrilateral add to", 360, steps)
