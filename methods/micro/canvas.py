"""A 64 x 64 diagram: grey lines, black labels on the 8-pixel patch grid.

Labels snap to the grid so that each glyph fills one vision patch, and numbers start in an even column so that their
first two digits share one merged vision token. Off the grid, reading is not learned within the budget of a base model.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = 64  # pixels per side
PATCH = 8  # pixels per glyph and per vision patch
CELLS = SIZE // PATCH
GLYPHS = "0123456789x?"  # class 0 of the glyph grid is "no glyph"
GREY = 170

Point = tuple[float, float]


@cache
def _glyph(char: str) -> Image.Image:
    """One character as an 8 x 8 image, black on white."""
    image = Image.new("L", (PATCH, PATCH), 255)
    ImageDraw.Draw(image).text((1, -2), char, fill=0, font=ImageFont.load_default(size=9))
    return image


class Canvas:
    """Draws one diagram; ``rng`` jitters lines by a few pixels and labels by one cell."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.image = Image.new("L", (SIZE, SIZE), 255)
        self.grid = np.zeros((CELLS, CELLS), dtype=np.int64)  # class of the glyph in each patch, 0 for none
        self._pen = ImageDraw.Draw(self.image)

    def jitter(self, points: list[Point], by: int = 3) -> list[Point]:
        """Points moved by up to ``by`` pixels in each direction."""
        return [(x + self.rng.randint(-by, by), y + self.rng.randint(-by, by)) for x, y in points]

    def polygon(self, points: list[Point], by: int = 3) -> None:
        """A closed outline, its corners jittered."""
        self._pen.polygon(self.jitter(points, by), outline=GREY)

    def line(self, *points: Point, by: int = 0) -> None:
        """An open line, its points jittered."""
        self._pen.line(self.jitter(list(points), by), fill=GREY)

    def circle(self, x: float, y: float, radius: float) -> None:
        """A circle around (x, y), in pixels."""
        self._pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=GREY)

    def label(self, x: float, y: float, text: str | int, by: int = 1) -> None:
        """Writes ``text`` in the free cells nearest to (x, y) pixels, up to ``by`` rows up or down at random."""
        word = str(text)
        column, row = self._free(round(x / 16) * 2, round(y / PATCH) + self.rng.randint(-by, by), len(word))
        for i, char in enumerate(word):
            self.image.paste(_glyph(char), ((column + i) * PATCH, row * PATCH))
            self.grid[row, column + i] = GLYPHS.index(char) + 1

    def _free(self, column: int, row: int, width: int) -> tuple[int, int]:
        """The even column and the row nearest to those wanted where ``width`` cells and a margin of one are empty."""
        spots = [(c, r) for c in range(0, CELLS - width + 1, 2) for r in range(CELLS)]
        for c, r in sorted(spots, key=lambda spot: abs(spot[0] - column) + abs(spot[1] - row)):
            if not self.grid[r, max(0, c - 1) : c + width + 1].any():
                return c, r
        raise ValueError("the diagram is full")

    def png(self) -> bytes:
        """The diagram as an RGB PNG file."""
        file = BytesIO()
        self.image.convert("RGB").save(file, "PNG")
        return file.getvalue()
