"""micro-MathVision (number puzzles, free answers) and micro-LogicVista (rules of rows, lettered answers)."""

from __future__ import annotations

from random import Random

from methods.micro.canvas import Canvas
from methods.micro.families import diagrams
from methods.micro.families.dynamath import larger_first
from methods.micro.families.training import Asked, Draw, Family, Numbers, between, family
from methods.micro.solution_plan import FACT, Plan, Ref, Step

MATHVISION: dict[str, Family] = {}
LOGICVISTA: dict[str, Family] = {}


def balanced(low: int, high: int) -> Draw:
    """Two numbers and a third that is smaller than their sum."""

    def numbers(rng: Random) -> Numbers:
        a, b = rng.randint(low, high), rng.randint(low, high)
        return a, b, rng.randint(low, min(high, a + b - 2))

    return numbers


def ends(rng: Random) -> Numbers:
    """Two numbers with a whole number in the middle."""
    a = rng.randint(2, 60)
    return a, a + 2 * rng.randint(1, 19)


@family(MATHVISION, between((2, 30), (2, 30), (2, 30)))
def pyramid(canvas: Canvas, a: int, b: int, c: int) -> Asked:
    """The top of a wall of bricks, each the sum of the two below it."""
    diagrams.boxes(canvas, ("?",), (None, None), (a, b, c))
    steps = (Step(a, "+", b), Step(b, "+", c), Step(Ref(0), "+", Ref(1)))
    return "Each brick is the sum of the two below. What is on top?", Plan("Add the neighbours", None, steps)


@family(MATHVISION, balanced(5, 60))
def scale(canvas: Canvas, a: int, b: int, c: int) -> Asked:
    """Two weights balance a third and an unknown one."""
    canvas.line((32, 40), (24, 60), (40, 60), (32, 40))
    canvas.line((4, 40), (60, 40))
    diagrams.labels(canvas, (2, 28, a), (2, 12, b), (42, 28, c), (42, 12, "?"))
    steps = (Step(a, "+", b), Step(Ref(0), "-", c))
    return "The scale is in balance. How heavy is the other box?", Plan("Both sides are equal", None, steps)


@family(MATHVISION, between((5, 60), (5, 60), (5, 60)))
def flower(canvas: Canvas, a: int, b: int, c: int) -> Asked:
    """The middle of a flower is the sum of its petals."""
    canvas.circle(32, 30, 9)
    for x, y in ((12, 14), (50, 14), (32, 54)):
        canvas.circle(x, y, 10)
    diagrams.labels(canvas, (4, 10, a), (42, 10, b), (28, 52, c), (28, 28, "?"))
    steps = (Step(a, "+", b), Step(Ref(0), "+", c))
    return "The petals add to the middle. What is in the middle?", Plan("Add the petals", None, steps)


@family(MATHVISION, lambda rng: (rng.randint(12, 40), rng.randint(2, 20)))
def machine(canvas: Canvas, a: int, b: int) -> Asked:
    """A machine doubles a number, then takes another away."""
    diagrams.boxes(canvas, (a,), (b,), ("?",))
    steps = (Step(a, "*", FACT), Step(Ref(0), "-", b))
    return "Double the first box, take away the second. What is left?", Plan("Doubling is times", 2, steps)


@family(MATHVISION, between((2, 12), (2, 12), (2, 4)))
def wall(canvas: Canvas, rows: int, columns: int, hole: int) -> Asked:
    """A wall of tiles with some missing."""
    diagrams.rectangle(canvas, columns, rows, hole)
    steps = (Step(columns, "*", rows), Step(Ref(0), "-", hole))
    return "The wall has a hole inside. How many tiles are left?", Plan(
        "Rows times columns, without the hole", None, steps
    )


@family(MATHVISION, ends)
def middle(canvas: Canvas, a: int, b: int) -> Asked:
    """The number half way between two others."""
    diagrams.segment(canvas, a, b, "?")
    steps = (Step(a, "+", b), Step(Ref(0), "/", FACT))
    return "Which number is in the middle of the two?", Plan("The sum is shared by", 2, steps)


@family(MATHVISION, lambda rng: (rng.randint(30, 99), rng.randint(2, 14), rng.randint(2, 14)))
def shop(canvas: Canvas, money: int, first: int, second: int) -> Asked:
    """What is left after paying two prices."""
    diagrams.boxes(canvas, (money,), (first, second))
    steps = (Step(money, "-", first), Step(Ref(0), "-", second))
    return "Pay both prices from the top box. What is left?", Plan("Take the prices away", None, steps)


@family(MATHVISION, between((2, 40), (2, 40)))
def double_row(canvas: Canvas, a: int, b: int) -> Asked:
    """Two pairs of equal sticks."""
    diagrams.boxes(canvas, (a, b), (a, b))
    steps = (Step(a, "+", b), Step(Ref(0), "*", FACT))
    return "Both rows are equal. What do all boxes add to?", Plan("The number of rows is", 2, steps)


@family(LOGICVISTA, between((2, 50), (2, 20)))
def growing(canvas: Canvas, start: int, step: int) -> Asked:
    """The next number of a growing sequence."""
    a, b, c = start, start + step, start + 2 * step
    diagrams.boxes(canvas, (a, b), (c, "?"))
    return "Which number comes next?", Plan("The steps are equal", None, (Step(b, "-", a), Step(c, "+", Ref(0))))


@family(LOGICVISTA, between((2, 40), (2, 15)))
def shrinking(canvas: Canvas, last: int, step: int) -> Asked:
    """The next number of a shrinking sequence."""
    a, b, c = last + 3 * step, last + 2 * step, last + step
    diagrams.boxes(canvas, (a, b), (c, "?"))
    return "The numbers get smaller. Which comes next?", Plan(
        "The steps are equal", None, (Step(a, "-", b), Step(c, "-", Ref(0)))
    )


@family(LOGICVISTA, between((2, 90)))
def doubling(canvas: Canvas, start: int) -> Asked:
    """The next number of a sequence that doubles."""
    diagrams.boxes(canvas, (start, 2 * start), (4 * start, "?"))
    return "Each number doubles. Which comes next?", Plan("Doubling is times", 2, (Step(4 * start, "*", FACT),))


@family(LOGICVISTA, between((5, 40), (5, 40), (5, 40), (5, 40)))
def row_sum(canvas: Canvas, a: int, b: int, c: int, d: int) -> Asked:
    """The right of each row is the sum of the other two."""
    diagrams.boxes(canvas, (a, b, a + b), (c, d, "?"))
    return "Both rows follow one rule. Which number is missing?", Plan("Each row adds", None, (Step(c, "+", d),))


@family(LOGICVISTA, lambda rng: (*larger_first(5, 99)(rng), *larger_first(5, 99)(rng)))
def row_difference(canvas: Canvas, a: int, b: int, c: int, d: int) -> Asked:
    """The right of each row is the difference of the other two."""
    diagrams.boxes(canvas, (a, b, a - b), (c, d, "?"))
    return "Each row takes away. Which number is missing?", Plan("Each row takes away", None, (Step(c, "-", d),))


@family(LOGICVISTA, between((5, 60), (5, 60), (5, 60)))
def equal_columns(canvas: Canvas, a: int, b: int, c: int) -> Asked:
    """Two columns with the same sum; one number is hidden."""
    top = a + b
    low = min(c, top - 2)
    diagrams.boxes(canvas, (a, low), (b, "?"))
    steps = (Step(a, "+", b), Step(Ref(0), "-", low))
    return "The columns add to the same. Which number is missing?", Plan("The columns are equal", None, steps)
