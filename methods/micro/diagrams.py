"""Figures that several families share: outlines with numbers in fixed zones, so that a place tells a number's part."""

from __future__ import annotations

from math import cos, pi, sin

from methods.micro.canvas import Canvas, Point

Mark = int | str | None  # what a label says; None leaves the place empty


def labels(canvas: Canvas, *marks: tuple[float, float, Mark]) -> None:
    """Writes each mark that is not None near its place (x, y) in pixels."""
    for x, y, mark in marks:
        if mark is not None:
            canvas.label(x, y, mark)


def triangle(canvas: Canvas, left: Mark = None, right: Mark = None, top: Mark = None) -> None:
    """A triangle with marks in its corners."""
    canvas.polygon([(6, 56), (58, 56), (30, 8)])
    labels(canvas, (10, 46, left), (44, 46, right), (28, 16, top))


def rectangle(canvas: Canvas, bottom: Mark = None, left: Mark = None, inside: Mark = None) -> None:
    """A rectangle with marks below, on its left and inside."""
    canvas.polygon([(18, 14), (58, 14), (58, 48), (18, 48)], by=0)
    labels(canvas, (32, 56, bottom), (0, 30, left), (36, 30, inside))


def slanted(canvas: Canvas, bottom: Mark = None, corner: Mark = None, height: Mark = None) -> None:
    """A parallelogram with its height; marks below, in the left corner and on the height."""
    canvas.polygon([(4, 48), (44, 48), (60, 14), (20, 14)], by=1)
    labels(canvas, (24, 56, bottom), (12, 40, corner), (32, 28, height))


def polygon(canvas: Canvas, sides: int, side: Mark) -> None:
    """A regular polygon with its lowest side marked."""
    turn = pi / 2 + pi / sides
    corners: list[Point] = [
        (32 + 22 * cos(turn + 2 * pi * i / sides), 26 + 22 * sin(turn + 2 * pi * i / sides)) for i in range(sides)
    ]
    canvas.polygon(corners, by=1)
    labels(canvas, (28, 56, side))


def straight(canvas: Canvas, *marks: Mark) -> None:
    """Rays from one point of a straight line; a mark in each of the angles, from left to right."""
    canvas.line((3, 48), (61, 48))
    for i in range(1, len(marks)):
        angle = pi * i / len(marks)
        canvas.line((32, 48), (32 - 34 * cos(angle) + canvas.rng.randint(-3, 3), 48 - 34 * sin(angle)))
    step = 48 / len(marks)
    labels(canvas, *((4 + step * i, 36 if i != 1 or len(marks) == 2 else 16, mark) for i, mark in enumerate(marks)))


def right(canvas: Canvas, *marks: Mark) -> None:
    """A right angle cut into parts; a mark in each, from the upright side down."""
    canvas.line((8, 4), (8, 56), (62, 56))
    for i in range(1, len(marks)):
        angle = pi / 2 * i / len(marks)
        canvas.line((8, 56), (8 + 48 * sin(angle) + canvas.rng.randint(-3, 3), 56 - 48 * cos(angle)))
    zones = {2: [(16, 14), (40, 40)], 3: [(12, 10), (34, 20), (46, 44)]}[len(marks)]
    labels(canvas, *((x, y, mark) for (x, y), mark in zip(zones, marks, strict=True)))


def around(canvas: Canvas, left: Mark, right: Mark, bottom: Mark) -> None:
    """Three rays from one point; a mark in each of the three angles."""
    for end in ((32, 2), (4, 54), (60, 54)):
        canvas.line((32, 32), end, by=2)
    labels(canvas, (4, 24, left), (42, 24, right), (28, 54, bottom))


def circle(canvas: Canvas, across: Mark) -> None:
    """A circle with a marked line through it."""
    canvas.circle(32, 28, 24)
    canvas.line((8, 28), (56, 28))
    labels(canvas, (30, 36, across))


def segment(canvas: Canvas, left: Mark, right: Mark, whole: Mark) -> None:
    """A line cut in two; marks above the parts and below the whole."""
    canvas.line((4, 32), (60, 32))
    for x in (4, 32 + canvas.rng.randint(-6, 6), 60):
        canvas.line((x, 28), (x, 36))
    labels(canvas, (8, 18, left), (42, 18, right), (26, 48, whole))


def bars(canvas: Canvas, *heights: int) -> None:
    """Bars with their values above them."""
    top = max(heights)
    for i, height in enumerate(heights):
        x, y = 4 + 20 * i, 58 - 34 * height / top
        canvas.polygon([(x, 58), (x, y), (x + 12, y), (x + 12, 58)], by=0)
        canvas.label(x, y - 12, height)


def boxes(canvas: Canvas, *rows: tuple[Mark, ...]) -> None:
    """Rows of boxes from top to bottom, centred, with a mark in each."""
    height = 64 / len(rows)
    for r, row in enumerate(rows):
        width = 62 / max(len(row), 2)
        start = 31 - width * len(row) / 2
        for i, mark in enumerate(row):
            x, y = start + width * i, height * r
            canvas.polygon([(x, y), (x + width, y), (x + width, y + height - 1), (x, y + height - 1)], by=0)
            if mark is not None:
                canvas.label(x + width / 2 - 8, y + height / 2 - 4, mark, by=0)
