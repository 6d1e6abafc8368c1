"""micro-DynaMath: twenty seed problems of plane figures, lengths and charts, each asked with many numbers."""

from __future__ import annotations

from methods.micro.canvas import Canvas
from methods.micro.families import diagrams
from methods.micro.families.training import HALVES, PAIRS, PARTS, ROWS, TAKE, Asked, Family, family
from methods.micro.place_rules import (
    HALF,
    HALF_REST,
    HALF_SUM,
    REST,
    REST_OF_TWO,
    SUM,
    SUM_OF_FOUR,
    SUM_OF_THREE,
    SUM_REST,
    THRICE,
    THRICE_REST,
    TWICE,
    TWICE_SUM,
)

DYNAMATH: dict[str, Family] = {}


@family(DYNAMATH, REST.numbers(2, 3))
def other_angle(canvas: Canvas, whole: int, part: int) -> Asked:
    """An angle and a part of it give the other part."""
    diagrams.right(canvas, "?", part)
    canvas.label(40, 8, whole)
    return "The whole angle is outside. What is its other part?", REST.plan(TAKE, whole, part)


@family(DYNAMATH, SUM_OF_THREE.numbers(2))
def three_in_corner(canvas: Canvas, a: int, b: int, c: int) -> Asked:
    """Three parts give the angle."""
    diagrams.right(canvas, a, b, c)
    return "What do the three parts of the angle add to?", SUM_OF_THREE.plan(PARTS, a, b, c)


@family(DYNAMATH, SUM.numbers(2, 3))
def two_on_line(canvas: Canvas, a: int, b: int) -> Asked:
    """Two of three angles on a line, added."""
    diagrams.straight(canvas, a, "?", b)
    return "What do the outer angles on the line add to?", SUM.plan(PARTS, a, b)


@family(DYNAMATH, HALF.numbers(3, 4))
def equal_on_line(canvas: Canvas, a: int) -> Asked:
    """An angle cut into two equal ones."""
    diagrams.straight(canvas, "?", "?")
    canvas.label(26, 60, a)
    return "The angle below is cut in half. How large is each part?", HALF.plan(HALVES, a)


@family(DYNAMATH, TWICE.numbers(3, 4))
def parallelogram_angles(canvas: Canvas, a: int) -> Asked:
    """Two equal angles of a parallelogram."""
    diagrams.slanted(canvas, None, a)
    return "What do the two sharp angles of the parallelogram add to?", TWICE.plan(PAIRS, a)


@family(DYNAMATH, REST_OF_TWO.numbers(2))
def apex(canvas: Canvas, total: int, left: int, right: int) -> Asked:
    """The sum of three angles and two of them give the third."""
    diagrams.triangle(canvas, left, right, "?")
    canvas.label(26, 60, total)
    return "The angles add to the number below. What is the top one?", REST_OF_TWO.plan(TAKE, total, left, right)


@family(DYNAMATH, THRICE.numbers(3, 4))
def triangle_sides(canvas: Canvas, side: int) -> Asked:
    """Three equal sides."""
    diagrams.polygon(canvas, 3, side)
    return "What is the distance around the triangle?", THRICE.plan(ROWS, side)


@family(DYNAMATH, SUM_OF_FOUR.numbers(1, 2))
def four_sides(canvas: Canvas, a: int, b: int, c: int, d: int) -> Asked:
    """Four sides of a square frame."""
    diagrams.polygon(canvas, 4, c)
    diagrams.labels(canvas, (0, 26, a), (26, 2, b), (48, 26, d))
    return "What is the distance around the frame?", SUM_OF_FOUR.plan(PARTS, a, b, c, d)


@family(DYNAMATH, REST.numbers(2, 3))
def pentagon_rest(canvas: Canvas, around: int, side: int) -> Asked:
    """A pentagon without one side."""
    diagrams.polygon(canvas, 5, side)
    canvas.label(24, 26, around)
    return "All sides take the number inside. What do the others take?", REST.plan(TAKE, around, side)


@family(DYNAMATH, THRICE_REST.numbers(2))
def hexagon_sides(canvas: Canvas, side: int, gap: int) -> Asked:
    """Three equal sides of a hexagon, without a gap."""
    diagrams.polygon(canvas, 6, side)
    canvas.label(26, 26, gap)
    return "Three sides of the hexagon are built, but for the gap inside. How long?", THRICE_REST.plan(ROWS, side, gap)


@family(DYNAMATH, TWICE_SUM.numbers(1, 2))
def parallelogram_around(canvas: Canvas, base: int, side: int) -> Asked:
    """Twice the sum of two sides."""
    diagrams.slanted(canvas, base, None, side)
    return "The sides are given. What is the distance around the parallelogram?", TWICE_SUM.plan(PAIRS, base, side)


@family(DYNAMATH, SUM_OF_THREE.numbers(1, 2))
def rectangle_with_tile(canvas: Canvas, width: int, height: int, tile: int) -> Asked:
    """Width, height and a tile."""
    diagrams.rectangle(canvas, width, height, tile)
    return "What do width, height and tile add to?", SUM_OF_THREE.plan(PARTS, width, height, tile)


@family(DYNAMATH, TWICE.numbers(3, 4))
def diameter(canvas: Canvas, radius: int) -> Asked:
    """Twice the radius."""
    diagrams.circle(canvas, radius)
    return "The radius is given. What is the diameter?", TWICE.plan(PAIRS, radius)


@family(DYNAMATH, HALF.numbers(3, 4))
def radius(canvas: Canvas, across: int) -> Asked:
    """Half of the diameter."""
    diagrams.circle(canvas, across)
    return "The diameter is given. What is the radius?", HALF.plan(HALVES, across)


@family(DYNAMATH, SUM.numbers(2, 3))
def whole_segment(canvas: Canvas, left: int, right: int) -> Asked:
    """Two parts of a segment give the whole."""
    diagrams.segment(canvas, left, right, "?")
    return "How long is the whole segment?", SUM.plan(PARTS, left, right)


@family(DYNAMATH, REST.numbers(2, 3))
def part_segment(canvas: Canvas, whole: int, left: int) -> Asked:
    """A whole segment and a part of it give the other part."""
    diagrams.segment(canvas, left, "?", whole)
    return "How long is the right part of the segment?", REST.plan(TAKE, whole, left)


@family(DYNAMATH, HALF_SUM.numbers(1, 2))
def two_bars(canvas: Canvas, a: int, b: int) -> Asked:
    """The mean of two bars."""
    diagrams.bars(canvas, a, b)
    return "What is the mean of the two bars?", HALF_SUM.plan(HALVES, a, b)


@family(DYNAMATH, SUM_OF_THREE.numbers(1, 2))
def three_bars(canvas: Canvas, a: int, b: int, c: int) -> Asked:
    """The total of three bars."""
    diagrams.bars(canvas, a, b, c)
    return "What is the total of the three bars?", SUM_OF_THREE.plan(PARTS, a, b, c)


@family(DYNAMATH, SUM_REST.numbers(1, 2))
def bars_without(canvas: Canvas, a: int, b: int, c: int) -> Asked:
    """Two bars without a third."""
    diagrams.bars(canvas, a, b, c)
    return "How much higher are the left two bars than the right one?", SUM_REST.plan(TAKE, a, b, c)


@family(DYNAMATH, HALF_REST.numbers(1, 2))
def missing_height(canvas: Canvas, around: int, width: int) -> Asked:
    """The perimeter and the width of a rectangle give its height."""
    diagrams.rectangle(canvas, width, "?", around)
    return "The way around is inside. How high is the rectangle?", HALF_REST.plan(HALVES, around, width)
