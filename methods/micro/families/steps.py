"""micro-WeMath: one figure, its single steps and the whole problem; and micro-MMMU: short questions of one step."""

from __future__ import annotations

from methods.micro.canvas import Canvas
from methods.micro.families import diagrams
from methods.micro.families.training import HALVES, PAIRS, PARTS, TAKE, Asked, Family, family
from methods.micro.place_rules import (
    HALF,
    HALF_REST,
    REST,
    REST_OF_TWO,
    SUM,
    SUM_OF_FOUR,
    SUM_OF_THREE,
    SUM_REST,
    THRICE,
    TWICE,
    TWICE_SUM,
)

WEMATH: dict[str, Family] = {}  # each poses its steps in order and then the whole problem
MMMU: dict[str, Family] = {}


@family(WEMATH, TWICE_SUM.numbers(2))
def garden(canvas: Canvas, width: int, height: int) -> tuple[Asked, ...]:
    """Around a garden."""
    diagrams.rectangle(canvas, width, height)
    return (
        ("What do two sides of the garden add to?", SUM.plan(PARTS, width, height)),
        (f"Two sides add to {width + height}. How long is the fence?", TWICE.plan(PAIRS, width + height)),
        ("How long is the fence of the garden?", TWICE_SUM.plan(PAIRS, width, height)),
    )


@family(WEMATH, REST_OF_TWO.numbers(2))
def ramp(canvas: Canvas, whole: int, a: int, b: int) -> tuple[Asked, ...]:
    """What is left of a ramp."""
    canvas.polygon([(4, 54), (44, 54), (4, 10)], by=1)
    diagrams.labels(canvas, (40, 20, whole), (26, 44, a), (8, 60, b))
    return (
        ("Take the number in the ramp from the one above it.", REST.plan(TAKE, whole, a)),
        (f"The ramp is {whole - a}. What is left without the part below?", REST.plan(TAKE, whole - a, b)),
        ("How much of the ramp is left without both parts?", REST_OF_TWO.plan(TAKE, whole, a, b)),
    )


@family(WEMATH, SUM_REST.numbers(2))
def wire(canvas: Canvas, left: int, right: int, cut: int) -> tuple[Asked, ...]:
    """What is left of two wires."""
    diagrams.segment(canvas, left, right, cut)
    return (
        ("How long are the two wires?", SUM.plan(PARTS, left, right)),
        (f"The wires have {left + right}. What is left without the cut?", REST.plan(TAKE, left + right, cut)),
        ("The number below is cut from both wires. What is left?", SUM_REST.plan(TAKE, left, right, cut)),
    )


@family(WEMATH, SUM_OF_FOUR.numbers(2))
def roof(canvas: Canvas, a: int, b: int, c: int, d: int) -> tuple[Asked, ...]:
    """Four beams of a roof."""
    canvas.polygon([(6, 56), (58, 56), (32, 16)])
    diagrams.labels(canvas, (4, 30, a), (46, 30, b), (28, 60, c), (28, 40, d))
    return (
        ("How long are the left and the right beam?", SUM.plan(PARTS, a, b)),
        (f"Two beams have {a + b}. How long are they with the lowest?", SUM.plan(PARTS, a + b, c)),
        (f"Three beams have {a + b + c}. How long are they with the inner one?", SUM.plan(PARTS, a + b + c, d)),
        ("How long are all beams of the roof?", SUM_OF_FOUR.plan(PARTS, a, b, c, d)),
    )


@family(WEMATH, HALF_REST.numbers(2))
def field(canvas: Canvas, around: int, width: int) -> tuple[Asked, ...]:
    """The height of a field with known perimeter and width."""
    diagrams.rectangle(canvas, width, "?", around)
    half = int("".join(str(int(digit) // 2) for digit in str(around)))
    return (
        ("The fence is inside. How long is half of it?", HALF.plan(HALVES, around)),
        (f"Half of the fence is {half}. How high is the field?", REST.plan(TAKE, half, width)),
        ("The fence is inside. How high is the field?", HALF_REST.plan(HALVES, around, width)),
    )


@family(MMMU, REST.numbers(2))
def completes(canvas: Canvas, whole: int, part: int) -> Asked:
    """What completes an angle to another."""
    canvas.line((8, 20), (8, 56), (60, 56))
    diagrams.labels(canvas, (28, 30, part), (40, 8, whole))
    return "Which angle completes the inner one to the outer one?", REST.plan(TAKE, whole, part)


@family(MMMU, SUM.numbers(2))
def turned(canvas: Canvas, a: int, b: int) -> Asked:
    """Two turns in a row."""
    canvas.circle(32, 32, 26)
    diagrams.labels(canvas, (24, 20, a), (24, 40, b))
    return "Which turn do the two turns give?", SUM.plan(PARTS, a, b)


@family(MMMU, SUM_OF_THREE.numbers(2))
def loads(canvas: Canvas, a: int, b: int, c: int) -> Asked:
    """Three loads on a beam."""
    canvas.line((4, 52), (60, 52))
    diagrams.labels(canvas, (2, 40, a), (24, 20, b), (44, 40, c))
    return "Which load does the beam carry?", SUM_OF_THREE.plan(PARTS, a, b, c)


@family(MMMU, THRICE.numbers(3, 4))
def tripled(canvas: Canvas, a: int) -> Asked:
    """Three times a marked number."""
    canvas.circle(32, 32, 26)
    canvas.label(24, 30, a)
    return "Which number is three times the mark?", THRICE.plan(("Tripling is times", "Take it this often"), a)


@family(MMMU, HALF.numbers(3, 4))
def halved(canvas: Canvas, a: int) -> Asked:
    """Half of a marked number."""
    canvas.line((4, 40), (60, 40))
    canvas.label(24, 24, a)
    return "Which number is half of the mark?", HALF.plan(HALVES, a)


@family(MMMU, TWICE.numbers(3, 4))
def doubled(canvas: Canvas, a: int) -> Asked:
    """Twice a marked number."""
    canvas.line((32, 4), (32, 60))
    canvas.label(16, 30, a)
    return "Which number is twice the mark?", TWICE.plan(("Doubling is times", "Take it this often"), a)


@family(MMMU, SUM.numbers(3))
def both(canvas: Canvas, a: int, b: int) -> Asked:
    """The sum of two marked numbers."""
    diagrams.boxes(canvas, (a,), (b,))
    return "What do the two marks add to?", SUM.plan(PARTS, a, b)
