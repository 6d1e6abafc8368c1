"""micro-DynaMath: twenty seed problems of plane figures, lengths and charts, each asked with many numbers."""

from __future__ import annotations

from random import Random

from methods.micro.canvas import Canvas
from methods.micro.families import diagrams
from methods.micro.families.training import (
    CORNER,
    LINE,
    RECTANGLE_AREA,
    TRIANGLE,
    Asked,
    Draw,
    Family,
    Numbers,
    between,
    even,
    family,
    parts,
    subtract,
)
from methods.micro.solution_plan import FACT, Plan, Ref, Step

DYNAMATH: dict[str, Family] = {}
SIDES = "The number of equal sides is"
HALVES = "The number of equal parts is"


def larger_first(low: int, high: int) -> Draw:
    """Two numbers, the larger one first, at least 2 apart."""

    def numbers(rng: Random) -> Numbers:
        small = rng.randint(low, high - 2)
        return rng.randint(small + 2, high), small

    return numbers


@family(DYNAMATH, parts(90, 1, 5))
def sharp_angle(canvas: Canvas, a: int) -> Asked:
    """One sharp angle of a right triangle gives the other."""
    canvas.polygon([(8, 56), (58, 56), (8, 8)], by=1)
    diagrams.labels(canvas, (34, 46, a), (12, 18, "?"))
    return "What is the other sharp angle of the right triangle?", Plan(CORNER, 90, subtract(FACT, a))


@family(DYNAMATH, parts(90, 2, 8))
def three_in_corner(canvas: Canvas, a: int, b: int) -> Asked:
    """Two of three parts of a right angle give the third."""
    diagrams.right(canvas, "?", a, b)
    return "What is the third part of the right angle?", Plan(CORNER, 90, subtract(FACT, a, b))


@family(DYNAMATH, parts(180, 2, 15))
def three_on_line(canvas: Canvas, a: int, b: int) -> Asked:
    """Two of three angles on a line give the third."""
    diagrams.straight(canvas, a, "?", b)
    return "What is the middle angle on the line?", Plan(LINE, 180, subtract(FACT, a, b))


@family(DYNAMATH, even(10, 170))
def equal_on_line(canvas: Canvas, a: int) -> Asked:
    """One of three angles on a line gives the other two, which are equal."""
    diagrams.straight(canvas, a, "?", "?")
    return "How large is each of the equal angles?", Plan(LINE, 180, (*subtract(FACT, a), Step(Ref(0), "/", 2)))


@family(DYNAMATH, parts(180, 1, 20))
def parallelogram_angle(canvas: Canvas, a: int) -> Asked:
    """An angle of a parallelogram gives the one beside it."""
    diagrams.slanted(canvas, None, a)
    return "What is the next angle of the parallelogram?", Plan("Neighbour angles add to", 180, subtract(FACT, a))


@family(DYNAMATH, between((10, 85)))
def apex(canvas: Canvas, base: int) -> Asked:
    """The base angle of an isosceles triangle gives its apex."""
    diagrams.triangle(canvas, base, base, "?")
    return "What is the angle at the top?", Plan(TRIANGLE, 180, subtract(FACT, base, base))


@family(DYNAMATH, between((2, 60)))
def triangle_sides(canvas: Canvas, side: int) -> Asked:
    """Three equal sides."""
    diagrams.polygon(canvas, 3, side)
    return "What is the distance around the triangle?", Plan(SIDES, 3, (Step(side, "*", FACT),))


@family(DYNAMATH, between((2, 60)))
def square_sides(canvas: Canvas, side: int) -> Asked:
    """Four equal sides."""
    diagrams.polygon(canvas, 4, side)
    return "What is the distance around the square?", Plan(SIDES, 4, (Step(side, "*", FACT),))


@family(DYNAMATH, between((2, 60)))
def pentagon_sides(canvas: Canvas, side: int) -> Asked:
    """Five equal sides."""
    diagrams.polygon(canvas, 5, side)
    return "What is the distance around the pentagon?", Plan(SIDES, 5, (Step(side, "*", FACT),))


@family(DYNAMATH, between((2, 60)))
def hexagon_sides(canvas: Canvas, side: int) -> Asked:
    """Six equal sides."""
    diagrams.polygon(canvas, 6, side)
    return "What is the distance around the hexagon?", Plan(SIDES, 6, (Step(side, "*", FACT),))


@family(DYNAMATH, between((2, 12), (2, 12)))
def parallelogram_area(canvas: Canvas, base: int, height: int) -> Asked:
    """Base times height."""
    diagrams.slanted(canvas, base, None, height)
    return "How large is the parallelogram?", Plan("The area is base times height", None, (Step(base, "*", height),))


@family(DYNAMATH, between((2, 12), (2, 12), (2, 40)))
def rectangle_with_tile(canvas: Canvas, width: int, height: int, tile: int) -> Asked:
    """Width times height and a tile more."""
    diagrams.rectangle(canvas, width, height, tile)
    steps = (Step(width, "*", height), Step(Ref(0), "+", tile))
    return "How large are the rectangle and the tile?", Plan(RECTANGLE_AREA, None, steps)


@family(DYNAMATH, between((2, 99)))
def diameter(canvas: Canvas, radius: int) -> Asked:
    """Twice the radius."""
    diagrams.circle(canvas, radius)
    return "The radius is given. What is the diameter?", Plan(HALVES, 2, (Step(radius, "*", FACT),))


@family(DYNAMATH, even(4, 198))
def radius(canvas: Canvas, across: int) -> Asked:
    """Half of the diameter."""
    diagrams.circle(canvas, across)
    return "The diameter is given. What is the radius?", Plan(HALVES, 2, (Step(across, "/", FACT),))


@family(DYNAMATH, between((5, 95), (5, 95)))
def whole_segment(canvas: Canvas, left: int, right: int) -> Asked:
    """Two parts of a segment give the whole."""
    diagrams.segment(canvas, left, right, "?")
    return "How long is the whole segment?", Plan("Add the two parts", None, (Step(left, "+", right),))


@family(DYNAMATH, larger_first(5, 99))
def part_segment(canvas: Canvas, whole: int, left: int) -> Asked:
    """A whole segment and a part of it give the other part."""
    diagrams.segment(canvas, left, "?", whole)
    return "How long is the right part of the segment?", Plan("Take the part away", None, (Step(whole, "-", left),))


@family(DYNAMATH, between((5, 99), (5, 99)))
def two_bars(canvas: Canvas, a: int, b: int) -> Asked:
    """The total of two bars."""
    diagrams.bars(canvas, a, b)
    return "What is the total of the two bars?", Plan("Add the bars", None, (Step(a, "+", b),))


@family(DYNAMATH, between((5, 60), (5, 60), (5, 60)))
def three_bars(canvas: Canvas, a: int, b: int, c: int) -> Asked:
    """The total of three bars."""
    diagrams.bars(canvas, a, b, c)
    return "What is the total of the three bars?", Plan("Add the bars", None, (Step(a, "+", b), Step(Ref(0), "+", c)))


@family(DYNAMATH, larger_first(5, 99))
def bar_difference(canvas: Canvas, a: int, b: int) -> Asked:
    """How much higher the first bar is than the second."""
    diagrams.bars(canvas, a, b)
    return "How much higher is the left bar?", Plan("Take the right bar away", None, (Step(a, "-", b),))


@family(DYNAMATH, lambda rng: (2 * rng.randint(20, 60), rng.randint(2, 18)))
def missing_height(canvas: Canvas, around: int, width: int) -> Asked:
    """The perimeter and the width of a rectangle give its height."""
    diagrams.rectangle(canvas, width, "?", around)
    steps = (Step(around, "/", FACT), Step(Ref(0), "-", width))
    return "The perimeter is inside. How high is the rectangle?", Plan("The number of equal pairs is", 2, steps)
