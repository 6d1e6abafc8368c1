"""How figures look: colours for colour-blind readers, markers and dashes for grey prints, fixed metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from contracts.files import replacing
from evals.analysis.display import PAPER_ORDER

# Okabe and Ito (2008), without the yellow that vanishes on white; ordered so that neighbours differ in lightness.
COLOURS = ("#0072B2", "#E69F00", "#CC79A7", "#009E73", "#D55E00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ((0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.2, 1.2, 1.2)), (0, (9, 2)), "-")

SETTINGS: dict[Any, Any] = {  # matplotlib types its keys as a list of literals
    "font.family": "DejaVu Sans",  # comes with matplotlib, so the same everywhere
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "legend.fontsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.5,
    "lines.markeredgecolor": "white",
    "lines.markeredgewidth": 0.5,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "svg.hashsalt": "cepo-bench",
    "svg.fonttype": "path",  # looks the same where the font is missing
}
HANDLE = 6  # a line with its marker and the space around it, in the size of the legend
MOST_COLUMNS = 6
NOTE = 6  # points of the note below the panels
ADVANCE = 0.58  # width of a character on average, in its size
METADATA = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}


@dataclass(frozen=True)
class Look:
    """How one arm is drawn, the same in every figure."""

    colour: str
    marker: str
    dash: Any  # as matplotlib's linestyle


def looks(names: list[tuple[str, str]]) -> dict[tuple[str, str], Look]:
    """A look for each (method, variant): fixed for the paper's methods, the free ones in order for others."""
    fixed = {(method, "default"): number for number, method in enumerate(PAPER_ORDER[1:])}
    others = dict.fromkeys(name for name in names if name not in fixed)
    numbers = fixed | {name: number for number, name in enumerate(others, len(fixed))}
    return {name: _look(numbers[name]) for name in names}


def _look(number: int) -> Look:
    """Colours and markers repeat after 7, dashes after 5, so 35 looks differ."""
    return Look(COLOURS[number % 7], MARKERS[number % 7], DASHES[number % 5])


def explain(figure: Figure, *sentences: str) -> None:
    """Write a note below the panels: each argument from a line of its own, broken where the figure ends."""
    longest = int(figure.get_figwidth() * 72 / (NOTE * ADVANCE))
    text = "\n".join(fill(one, longest) for one in sentences)
    figure.supxlabel(text, fontsize=NOTE, color="#555555")


def legend_columns(figure: Figure, names: Sequence[str]) -> int:
    """Columns of a legend above the panels that fit the figure, which grows by the legend's further rows."""
    size = float(SETTINGS["legend.fontsize"]) / 72  # inches
    entry = size * (ADVANCE * max(map(len, names)) + HANDLE)
    columns = max(1, min(len(names), MOST_COLUMNS, int(figure.get_figwidth() / entry)))
    rows = -(-len(names) // columns)
    figure.set_figheight(figure.get_figheight() + (rows - 1) * 1.6 * size)
    return columns


def set_apart(ax: Axes) -> None:
    """Shade a panel that shows another world on a scale of its own."""
    ax.set_facecolor("#f1f1f1")
    ax.grid(color="white")


def save(figure: Figure, out: Path, stem: str) -> list[Path]:
    """Write ``stem.svg`` and ``stem.png``; the same figure gives the same bytes."""
    paths = [out / f"{stem}.{kind}" for kind in ("svg", "png")]
    with rc_context(SETTINGS):
        if figure.get_layout_engine() is not None:
            figure.draw_without_rendering()  # finds a place for each part, once for both files
            figure.set_layout_engine(None)
    for path in paths:
        with rc_context(SETTINGS), replacing(path) as temporary:
            kind = path.suffix[1:]
            figure.savefig(temporary, format=kind, metadata=METADATA[kind])
    return paths
