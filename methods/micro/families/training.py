"""What a family is, and the training families: plane geometry with the numbers written in the diagram."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from methods.micro.canvas import Canvas
from methods.micro.families import diagrams
from methods.micro.place_rules import (
    HALF_REST,
    HALF_SUM,
    REST,
    REST_OF_TWO,
    SUM,
    SUM_OF_FOUR,
    SUM_OF_THREE,
    SUM_REST,
    THRICE_REST,
    TWICE_SUM,
    Draw,
)
from methods.micro.solution_plan import Plan

Asked = tuple[str, Plan]


@dataclass(frozen=True)
class Family:
    """One kind of problem: which numbers it takes, and how it is drawn, asked and solved for them."""

    name: str
    numbers: Draw
    pose: Callable[..., Any]  # canvas, *numbers -> question and plan; in WeMath one such pair per step and the whole


def family(registry: dict[str, Family], numbers: Draw) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a function as a family of its own name; names hold no hyphen, which separates the parts of an id."""

    def register(pose: Callable[..., Any]) -> Callable[..., Any]:
        registry[pose.__name__] = Family(pose.__name__, numbers, pose)
        return pose

    return register


PAIRS = ("The number of equal pairs is", "Count the equal pairs", "Each length comes this often")
HALVES = ("The number of equal parts is", "Equal parts are shared by", "Share it by")
ROWS = ("The number of equal sides is", "Count the equal sides", "Each side comes this often")
PARTS = ("The whole is the sum of its parts", "Add the parts", "Put the parts together")
TAKE = ("The rest is the whole without the part", "Take the part away", "Leave the part out")

TRAINING: dict[str, Family] = {}


@family(TRAINING, SUM.numbers(1, 2, 3))
def segment(canvas: Canvas, a: int, b: int) -> Asked:
    """Two parts of a segment give the whole."""
    diagrams.segment(canvas, a, b, "x")
    return "Find the segment x.", SUM.plan(PARTS, a, b)


@family(TRAINING, REST.numbers(1, 2, 3))
def remainder(canvas: Canvas, whole: int, part: int) -> Asked:
    """A whole side and a part of it give the other part."""
    canvas.polygon([(6, 44), (58, 44), (50, 12), (14, 12)], by=2)
    diagrams.labels(canvas, (24, 54, whole), (8, 34, part), (42, 34, "x"))
    return "Find the rest x of the side.", REST.plan(TAKE, whole, part)


@family(TRAINING, SUM.numbers(2))
def exterior(canvas: Canvas, a: int, b: int) -> Asked:
    """Two inner angles of a triangle give the outer angle at the third corner."""
    canvas.polygon([(4, 50), (40, 50), (20, 8)], by=2)
    canvas.line((40, 50), (62, 50))
    diagrams.labels(canvas, (4, 42, a), (20, 18, b), (48, 38, "x"))
    far = ("The outer angle is the sum of the far angles", "Add the two far angles", "Both far angles count")
    return "Find the exterior angle x.", SUM.plan(far, a, b)


@family(TRAINING, SUM_OF_THREE.numbers(1, 2, 3))
def triangle(canvas: Canvas, a: int, b: int, c: int) -> Asked:
    """Three sides of a triangle give its perimeter."""
    diagrams.triangle(canvas)
    diagrams.labels(canvas, (0, 28, a), (42, 28, b), (26, 60, c))
    return "Find the perimeter of the triangle.", SUM_OF_THREE.plan(PARTS, a, b, c)


@family(TRAINING, REST_OF_TWO.numbers(1, 2, 3))
def third_side(canvas: Canvas, around: int, a: int, b: int) -> Asked:
    """The perimeter of a triangle and two of its sides give the third."""
    diagrams.triangle(canvas)
    diagrams.labels(canvas, (26, 40, around), (0, 24, a), (42, 24, b), (28, 60, "x"))
    return "The perimeter is inside. Find the side x.", REST_OF_TWO.plan(TAKE, around, a, b)


@family(TRAINING, TWICE_SUM.numbers(1, 2, 3))
def rectangle(canvas: Canvas, width: int, height: int) -> Asked:
    """Twice the sum of width and height."""
    diagrams.rectangle(canvas, width, height)
    return "Find the perimeter of the rectangle.", TWICE_SUM.plan(PAIRS, width, height)


@family(TRAINING, HALF_REST.numbers(1, 2, 3))
def height(canvas: Canvas, around: int, width: int) -> Asked:
    """The perimeter and the width of a rectangle give its height."""
    diagrams.rectangle(canvas, width, "x", around)
    return "The perimeter is inside. Find the height x.", HALF_REST.plan(HALVES, around, width)


@family(TRAINING, HALF_SUM.numbers(1, 2, 3))
def middle_line(canvas: Canvas, top: int, bottom: int) -> Asked:
    """The line half way between the parallel sides of a trapezoid."""
    canvas.polygon([(4, 52), (60, 52), (46, 14), (18, 14)], by=1)
    diagrams.labels(canvas, (24, 6, top), (24, 60, bottom), (28, 32, "x"))
    return "Find the middle line x of the trapezoid.", HALF_SUM.plan(HALVES, top, bottom)


@family(TRAINING, THRICE_REST.numbers(1, 2, 3))
def fence(canvas: Canvas, side: int, gate: int) -> Asked:
    """Three equal sides without a gate."""
    diagrams.polygon(canvas, 3, side)
    canvas.label(26, 34, gate)
    return "Go around the equal sides without the part inside.", THRICE_REST.plan(ROWS, side, gate)


@family(TRAINING, SUM_REST.numbers(1, 2, 3))
def overlap(canvas: Canvas, a: int, b: int, shared: int) -> Asked:
    """Two segments that share a part, from end to end."""
    canvas.line((4, 28), (40, 28))
    canvas.line((24, 36), (60, 36))
    diagrams.labels(canvas, (8, 18, a), (42, 48, b), (28, 32, shared))
    both = ("The shared part counts once", "Add both and leave the shared part out", "Do not count it twice")
    return "Two segments overlap. How long are they together?", SUM_REST.plan(both, a, b, shared)


@family(TRAINING, SUM_OF_FOUR.numbers(1, 2))
def quadrilateral(canvas: Canvas, a: int, b: int, c: int, d: int) -> Asked:
    """Four sides of a quadrilateral give its perimeter."""
    canvas.polygon([(14, 50), (52, 50), (46, 14), (18, 14)])
    diagrams.labels(canvas, (24, 6, a), (48, 30, b), (24, 60, c), (0, 30, d))
    return "Find the perimeter of the quadrilateral.", SUM_OF_FOUR.plan(PARTS, a, b, c, d)
