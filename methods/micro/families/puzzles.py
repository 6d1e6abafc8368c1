"""micro-MathVision (number puzzles, free answers) and micro-LogicVista (rules of rows, lettered answers)."""

from __future__ import annotations

from random import Random

from methods.micro.canvas import Canvas
from methods.micro.families import diagrams
from methods.micro.families.training import HALVES, PAIRS, PARTS, TAKE, Asked, Family, family
from methods.micro.place_rules import (
    HALF_SUM,
    REST,
    REST_OF_TWO,
    REST_SUM,
    SUM,
    SUM_OF_FOUR,
    SUM_OF_THREE,
    SUM_REST,
    THRICE_REST,
    TWICE,
    TWICE_REST,
    TWICE_SUM,
    Numbers,
)

MATHVISION: dict[str, Family] = {}
LOGICVISTA: dict[str, Family] = {}
BALANCE = ("Both sides are equal", "The scale is level", "Left and right weigh the same")
STEPS = ("The steps are equal", "Each step adds the same", "Go on by the same step")
ROWS_ADD = ("Each row adds", "The right number is the sum", "Add along the row")
ROWS_TAKE = ("Each row takes away", "The right number is the rest", "Take away along the row")


@family(MATHVISION, SUM_OF_FOUR.numbers(1, 2))
def pyramid(canvas: Canvas, a: int, b: int, c: int, d: int) -> Asked:
    """All bricks of a wall."""
    diagrams.boxes(canvas, (a,), (b, c), (d, "?"))
    return "All bricks with a number fall down. What do they add to?", SUM_OF_FOUR.plan(PARTS, a, b, c, d)


@family(MATHVISION, SUM_REST.numbers(1, 2))
def scale(canvas: Canvas, a: int, b: int, c: int) -> Asked:
    """Two weights balance a third and an unknown one."""
    canvas.line((32, 40), (24, 60), (40, 60), (32, 40))
    canvas.line((4, 40), (60, 40))
    diagrams.labels(canvas, (2, 28, a), (2, 12, b), (42, 28, c), (42, 12, "?"))
    return "The scale is in balance. How heavy is the other box?", SUM_REST.plan(BALANCE, a, b, c)


@family(MATHVISION, SUM_OF_THREE.numbers(1, 2))
def flower(canvas: Canvas, a: int, b: int, c: int) -> Asked:
    """The middle of a flower is the sum of its petals."""
    canvas.circle(32, 30, 9)
    for x, y in ((12, 14), (50, 14), (32, 54)):
        canvas.circle(x, y, 10)
    diagrams.labels(canvas, (4, 10, a), (42, 10, b), (28, 52, c), (28, 28, "?"))
    return "The petals add to the middle. What is in the middle?", SUM_OF_THREE.plan(PARTS, a, b, c)


@family(MATHVISION, TWICE_REST.numbers(1, 2, 3))
def machine(canvas: Canvas, a: int, b: int) -> Asked:
    """A machine doubles a number, then takes another away."""
    diagrams.boxes(canvas, (a,), (b,), ("?",))
    return "Double the first box, take away the second. What is left?", TWICE_REST.plan(PAIRS, a, b)


@family(MATHVISION, THRICE_REST.numbers(1, 2, 3))
def wall(canvas: Canvas, tiles: int, hole: int) -> Asked:
    """Three rows of tiles with some missing."""
    diagrams.rectangle(canvas, tiles, None, hole)
    rows = ("The number of rows is", "Count the rows", "Each row comes this often")
    return "Three equal rows have a hole inside. How many tiles are left?", THRICE_REST.plan(rows, tiles, hole)


@family(MATHVISION, HALF_SUM.numbers(1, 2, 3))
def middle(canvas: Canvas, a: int, b: int) -> Asked:
    """The number half way between two others."""
    diagrams.segment(canvas, a, b, "?")
    return "Which number is in the middle of the two?", HALF_SUM.plan(HALVES, a, b)


@family(MATHVISION, REST_OF_TWO.numbers(1, 2))
def shop(canvas: Canvas, money: int, first: int, second: int) -> Asked:
    """What is left after paying two prices."""
    diagrams.boxes(canvas, (money,), (first, second))
    return "Pay both prices from the top box. What is left?", REST_OF_TWO.plan(TAKE, money, first, second)


@family(MATHVISION, TWICE_SUM.numbers(1, 2, 3))
def double_row(canvas: Canvas, a: int, b: int) -> Asked:
    """Two pairs of equal sticks."""
    diagrams.boxes(canvas, (a, b), (a, b))
    return "Both rows are equal. What do all boxes add to?", TWICE_SUM.plan(PAIRS, a, b)


def sequence(rng: Random) -> Numbers:
    """Three numbers of two or three places that grow by equal steps, and so does a fourth, without carrying."""
    columns = []
    for _ in range(rng.choice((2, 3))):
        step = rng.randint(1, 2)
        start = rng.randint(1, 9 - 3 * step)
        columns.append((start + step, start, start + 2 * step))
    b, a, c = (int("".join(map(str, digits))) for digits in zip(*columns, strict=True))
    return b, a, c


@family(LOGICVISTA, sequence)
def growing(canvas: Canvas, b: int, a: int, c: int) -> Asked:
    """The next number of a growing sequence."""
    diagrams.boxes(canvas, (a, b), (c, "?"))
    return "Which number comes next?", REST_SUM.plan(STEPS, b, a, c)


@family(LOGICVISTA, REST_OF_TWO.numbers(2))
def shrinking(canvas: Canvas, a: int, b: int, c: int) -> Asked:
    """A number without two others."""
    diagrams.boxes(canvas, (a, "?"), (b, c))
    return "The lower boxes are cut from the top one. Which number is missing?", REST_OF_TWO.plan(TAKE, a, b, c)


@family(LOGICVISTA, TWICE.numbers(3, 4))
def doubling(canvas: Canvas, start: int) -> Asked:
    """The next number of a sequence that doubles."""
    diagrams.boxes(canvas, (start, "?"))
    return "Each number doubles. Which comes next?", TWICE.plan(PAIRS, start)


@family(LOGICVISTA, lambda rng: (*SUM.numbers(2)(rng), *SUM.numbers(2)(rng)))
def row_sum(canvas: Canvas, a: int, b: int, c: int, d: int) -> Asked:
    """The right of each row is the sum of the other two."""
    diagrams.boxes(canvas, (a, b, a + b), (c, d, "?"))
    return "Both rows follow one rule. Which number is missing?", SUM.plan(ROWS_ADD, c, d)


@family(LOGICVISTA, lambda rng: (*REST.numbers(2)(rng), *REST.numbers(2)(rng)))
def row_difference(canvas: Canvas, a: int, b: int, c: int, d: int) -> Asked:
    """The right of each row is the difference of the other two."""
    diagrams.boxes(canvas, (a, b, a - b), (c, d, "?"))
    return "Each row takes away. Which number is missing?", REST.plan(ROWS_TAKE, c, d)


@family(LOGICVISTA, SUM_REST.numbers(2))
def equal_columns(canvas: Canvas, a: int, b: int, c: int) -> Asked:
    """Two columns with the same sum; one number is hidden."""
    diagrams.boxes(canvas, (a, c), (b, "?"))
    same = ("The columns are equal", "Both columns add to the same", "Left and right give one sum")
    return "The columns add to the same. Which number is missing?", SUM_REST.plan(same, a, b, c)
