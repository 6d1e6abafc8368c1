"""Heat maps of weights as a picture. Responses are model output, so they are never read as markup or mathematics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from contracts.rollouts import ScoredRollout
from evals.analysis.figures.heat_map_rollouts import HeatMap, Shown

FONT = 6.0  # points
ADVANCE = 0.6023  # width of a character of DejaVu Sans Mono, in its size
LINE, GAP = 0.125, 0.15  # inches
LONGEST = 96  # characters of a response that are drawn; the page shows all of it
BELOW, ABOVE, SAME = (0.45, 0.66, 0.90), (0.98, 0.65, 0.35), (1.0, 1.0, 1.0)  # colours of weights: least, most, 1
VISIBLE = {"\n": "\u23ce", "\t": "\u21e5", " ": " "}


@dataclass(frozen=True)
class Shapes:
    """What stands behind and below the tokens, drawn in one go: thousands of single shapes take twice as long."""

    boxes: list[tuple[list[tuple[float, float]], str]] = field(default_factory=list)  # corners in inches, and colour
    lines: list[tuple[list[tuple[float, float]], str]] = field(default_factory=list)

    def add_to(self, ax: Axes) -> None:
        """Add them to ``ax``."""
        boxes, fills = [corners for corners, _ in self.boxes], [colour for _, colour in self.boxes]
        lines, inks = [ends for ends, _ in self.lines], [colour for _, colour in self.lines]
        ax.add_collection(PolyCollection(boxes, facecolors=fills, edgecolors="none"), autolim=False)
        ax.add_collection(LineCollection(lines, colors=inks, linewidths=0.5), autolim=False)


def printable(token: str) -> str:
    """Make any token printable in one line, because control characters would break a picture or hide text."""
    return "".join(VISIBLE.get(c, c if c.isprintable() else "\ufffd") for c in token)


def colour(weight: float, reach: float) -> str:
    """Blue below 1, white at 1, orange above, full at a distance of ``reach``."""
    share = max(-1.0, min(1.0, (weight - 1) / reach))
    end = ABOVE if share > 0 else BELOW
    red, green, blue = (s + abs(share) * (e - s) for s, e in zip(SAME, end, strict=True))
    return to_hex((red, green, blue))


def draw(maps: Sequence[HeatMap], note: str) -> Figure:
    """Draw a block for each response and a line for each method. Decisive tokens are underlined, slips red."""
    blocks = [(one, m) for m in maps for one in m.shown]
    lines = sum(len(one.weights) + 1 for one, _ in blocks)
    text = fill(note, 150)
    height = lines * LINE + len(blocks) * GAP + 0.4 + 0.1 * text.count("\n")
    width = 0.9 + LONGEST * ADVANCE * FONT / 72
    figure = Figure(figsize=(width, height))
    ax = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    ax.axis("off")
    y, shapes = 0.15, Shapes()
    for one, m in blocks:
        ax.text(0.05, y, _heading(one, m), fontsize=FONT, va="center", parse_math=False)
        for name, weights in one.weights.items():
            y += LINE
            ax.text(0.05, y, name, fontsize=FONT, va="center", parse_math=False)
            _row(ax, shapes, one, weights, m.reach, y)
        y += LINE + GAP
    shapes.add_to(ax)
    if not blocks:
        ax.text(0.05, y, "No group of the first step held a right and a wrong rollout.", fontsize=FONT)
    ax.text(0.05, height - 0.05, text, fontsize=FONT - 0.5, va="bottom", color="#555555", parse_math=False)
    return figure


def marked(sample: ScoredRollout, weights: Sequence[float]) -> Iterator[tuple[str, float, bool, bool, bool]]:
    """Text, weight, decisive, slipped and uncertain of every token; where entropy was not kept, all are uncertain."""
    texts, uncertain = map(printable, sample.tokens), sample.uncertain or [True] * len(sample.tokens)
    return zip(texts, weights, sample.decisive, sample.slipped, uncertain, strict=True)


def ink(slipped: bool, uncertain: bool) -> str:
    """Colour of a token's text: red for a slip, grey for what the policy was sure of."""
    return "#b00020" if slipped else "#111111" if uncertain else "#6b6b6b"


def _heading(one: Shown, m: HeatMap) -> str:
    return f"{m.model}, {printable(one.sample.problem)}: {'right' if one.sample.correct else 'wrong'}"


def _row(ax: Axes, shapes: Shapes, one: Shown, weights: Sequence[float], reach: float, y: float) -> None:
    x, step = 0.9, ADVANCE * FONT / 72
    for shown, weight, decisive, slipped, uncertain in marked(one.sample, weights):
        if x + len(shown) * step > 0.9 + LONGEST * step:
            ax.text(x, y, "\u2026", fontsize=FONT, va="center")
            return
        look = {"family": "DejaVu Sans Mono", "fontsize": FONT, "va": "center", "parse_math": False}
        width = len(shown) * step
        above, below = y - LINE / 2, y + LINE / 2
        corners = [(x, above), (x + width, above), (x + width, below), (x, below)]
        shapes.boxes.append((corners, colour(weight, reach)))
        ax.text(x, y, shown, color=ink(slipped, uncertain), **look)
        if decisive or slipped:
            shapes.lines.append(([(x, y + 0.045), (x + width, y + 0.045)], "#b00020" if slipped else "#111111"))
        x += width
