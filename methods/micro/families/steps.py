"""micro-WeMath: one figure, its single steps and the whole problem; and micro-MMMU: short, fact-like questions."""

from __future__ import annotations

from methods.micro.canvas import Canvas
from methods.micro.families import diagrams
from methods.micro.families.training import (
    CORNER,
    LINE,
    RECTANGLE_AREA,
    TRIANGLE,
    Asked,
    Family,
    between,
    even,
    family,
    parts,
    subtract,
)
from methods.micro.solution_plan import FACT, Plan, Ref, Step

WEMATH: dict[str, Family] = {}  # each poses its steps in order and then the whole problem
MMMU: dict[str, Family] = {}


@family(WEMATH, lambda rng: (2 * rng.randint(1, 6), rng.randint(2, 12)))
def garden(canvas: Canvas, width: int, height: int) -> tuple[Asked, ...]:
    """Half of a rectangle's area."""
    diagrams.rectangle(canvas, width, height)
    whole, half = Step(width, "*", height), "Two equal parts, so divide by"
    return (
        ("How large is the garden?", Plan(RECTANGLE_AREA, None, (whole,))),
        (f"The garden has size {width * height}. How large is half of it?", _one(half, 2, width * height, "/")),
        ("Half of the garden is grass. How large is the grass?", Plan(half, 2, (whole, Step(Ref(0), "/", FACT)))),
    )


@family(WEMATH, parts(90, 1, 10))
def ramp(canvas: Canvas, a: int) -> tuple[Asked, ...]:
    """The other sharp angle of a right triangle, and the angle outside it."""
    canvas.polygon([(4, 54), (44, 54), (4, 10)], by=1)
    canvas.line((44, 54), (62, 54))
    diagrams.labels(canvas, (26, 44, a))
    other = Plan(CORNER, 90, subtract(FACT, a))
    outside = Plan(CORNER, 90, (Step(FACT, "+", a),))
    return (
        ("What is the upper angle of the ramp?", other),
        (f"The upper angle is {90 - a}. What is its outer angle?", _one(LINE, 180, 90 - a, "-")),
        ("What is the outer angle at the top of the ramp?", outside),
    )


@family(WEMATH, lambda rng: (rng.randint(2, 20), rng.randint(81, 99)))
def wire(canvas: Canvas, side: int, length: int) -> tuple[Asked, ...]:
    """What a square leaves of a wire."""
    diagrams.polygon(canvas, 4, side)
    canvas.label(24, 24, length)
    sides = "The number of equal sides is"
    return (
        ("How much wire does the square take?", Plan(sides, 4, (Step(side, "*", FACT),))),
        (f"The square takes {4 * side} of the wire inside. What is left?", _take(length, 4 * side)),
        (
            "The wire inside is bent to the square. What is left?",
            Plan(sides, 4, (Step(side, "*", FACT), Step(length, "-", Ref(0)))),
        ),
    )


@family(WEMATH, even(20, 160))
def roof(canvas: Canvas, outside: int) -> tuple[Asked, ...]:
    """The base angle of a roof whose top has a known outer angle."""
    canvas.polygon([(6, 56), (58, 56), (32, 16)])
    canvas.line((32, 16), (46, 2))
    diagrams.labels(canvas, (46, 14, outside), (28, 30, "?"))
    top = 180 - outside
    return (
        ("What is the angle inside the top of the roof?", Plan(LINE, 180, subtract(FACT, outside))),
        (f"The top angle is {top}. What do the base angles add to?", _one(TRIANGLE, 180, top, "-")),
        (
            f"The base angles are equal and add to {outside}. How large is each?",
            _one("Two equal parts, so divide by", 2, outside, "/"),
        ),
        (
            "How large is a base angle of the roof?",
            Plan(TRIANGLE, 180, (*subtract(FACT, outside), Step(FACT, "-", Ref(0)), Step(Ref(1), "/", 2))),
        ),
    )


@family(WEMATH, lambda rng: (rng.randint(2, 9), 2 * rng.randint(12, 19)))
def field(canvas: Canvas, width: int, around: int) -> tuple[Asked, ...]:
    """The area of a rectangle with known perimeter and width."""
    diagrams.rectangle(canvas, width, "?", around)
    half, pairs = around // 2, "The number of equal pairs is"
    return (
        ("The fence is inside. How long is half of it?", Plan(pairs, 2, (Step(around, "/", FACT),))),
        (f"Half of the fence is {half}. How high is the field?", _take(half, width)),
        (
            f"The field is {half - width} high. How large is it?",
            Plan(RECTANGLE_AREA, None, (Step(width, "*", half - width),)),
        ),
        (
            "The fence is inside. How large is the field?",
            Plan(pairs, 2, (Step(around, "/", FACT), Step(Ref(0), "-", width), Step(width, "*", Ref(1)))),
        ),
    )


def _one(sentence: str, fact: int, number: int, op: str) -> Plan:
    """One step with the fact: ``fact - number`` or ``number / fact``."""
    step = Step(FACT, "-", number) if op == "-" else Step(number, "/", FACT)
    return Plan(sentence, fact, (step,))


def _take(whole: int, part: int) -> Plan:
    return Plan("Take the part away", None, (Step(whole, "-", part),))


@family(MMMU, between((5, 179)))
def marked(canvas: Canvas, a: int) -> Asked:
    """Reading one number."""
    canvas.polygon([(6, 56), (58, 56), (30, 8)])
    canvas.label(24, 40, a)
    return "Which number is marked?", Plan("The marked number is", a, ())


@family(MMMU, parts(90, 1, 5))
def completes_corner(canvas: Canvas, a: int) -> Asked:
    """The complement of an angle."""
    canvas.line((8, 20), (8, 56), (60, 56))
    canvas.label(28, 30, a)
    return "Which angle completes it to a right angle?", Plan(CORNER, 90, subtract(FACT, a))


@family(MMMU, parts(180, 1, 10))
def completes_line(canvas: Canvas, a: int) -> Asked:
    """The supplement of an angle."""
    canvas.line((4, 52), (60, 52))
    canvas.label(28, 30, a)
    return "Which angle completes it to a line?", Plan(LINE, 180, subtract(FACT, a))


@family(MMMU, parts(360, 1, 90))
def completes_turn(canvas: Canvas, a: int) -> Asked:
    """What is left of a full turn."""
    canvas.circle(32, 32, 26)
    canvas.label(24, 30, a)
    return "Which angle completes it to a full turn?", Plan("The angles at a point add to", 360, subtract(FACT, a))


@family(MMMU, even(4, 198))
def halved(canvas: Canvas, a: int) -> Asked:
    """Half of a marked number."""
    canvas.line((4, 40), (60, 40))
    canvas.label(24, 24, a)
    return "Which number is half of the mark?", Plan("Two equal parts, so divide by", 2, (Step(a, "/", FACT),))


@family(MMMU, between((2, 99)))
def doubled(canvas: Canvas, a: int) -> Asked:
    """Twice a marked number."""
    canvas.line((32, 4), (32, 60))
    canvas.label(16, 30, a)
    return "Which number is twice the mark?", Plan("Doubling is times", 2, (Step(a, "*", FACT),))


@family(MMMU, between((5, 95), (5, 95)))
def both(canvas: Canvas, a: int, b: int) -> Asked:
    """The sum of two marked numbers."""
    diagrams.boxes(canvas, (a,), (b,))
    return "What do the two marks add to?", Plan("Add the marks", None, (Step(a, "+", b),))
