"""Figure 3: average accuracy over three options of CEPO, a panel for each. The paper's points have their own axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from contracts.errors import DataError
from evals.analysis import provenance
from evals.analysis.cells import Arm, read_arms
from evals.analysis.comparison import Block, Comparison, ComparisonRow, by_scale, compare
from evals.analysis.figures.style import SETTINGS, explain, looks, save, set_apart
from evals.analysis.published.finding import average_error
from evals.analysis.published.numbers import Published, load
from evals.analysis.tables.ablation import PAPER_SCALE, Placed, place
from evals.analysis.tables.sweeps import CLIP, CONSTANT, LINEAR, SWEEPS
from evals.statistics.intervals import AVERAGE

AXES = {
    CONSTANT: "\u03bb, constant",
    LINEAR: "steps over which \u03bb falls from 1 to 0",
    CLIP: "eps_w, half-width of the clip",
}
TICKS = {CONSTANT: (0, 0.25, 0.5, 0.75, 1), LINEAR: (10, 25, 50), CLIP: (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1)}
WIDTH, HEIGHT, PAPER_HEIGHT = 2.45, 2.2, 1.55  # inches of a panel
CEPO, GRPO = looks([("cepo", "default"), ("grpo", "default")]).values()
STAR: dict[str, Any] = {"marker": "*", "markersize": 11, "markeredgecolor": "black"}


@dataclass(frozen=True)
class Level:
    """The panels of one scale: rows by series and x, and what they are measured against."""

    heading: str
    points: dict[str, dict[float, ComparisonRow]]
    default: ComparisonRow
    grpo: ComparisonRow | None


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``figure3`` as .svg and .png to the folder ``out``; returns the paths.

    ``cells``: finished cell folders of one world with CEPO's default and points of the sweeps; GRPO becomes a line.
    ``published``: the folder of the paper's numbers. The same cells give the same bytes. Raises DataError if a file is
    broken or there is no default.
    """
    arms, paper = read_arms(cells), load(published)
    with rc_context(SETTINGS):
        figure = figure3(arms, paper)
    return save(figure, out, "figure3")


def figure3(arms: Sequence[Arm], paper: Published) -> Figure:
    """A row of three panels per scale, and below it the paper's points, shaded."""
    placed = {scale: place(SWEEPS, members, paper) for scale, members in by_scale(arms).items()}
    table = compare({scale: [line for _, line in lines] for scale, lines in placed.items()}, paper)
    levels = [_level(block, placed[block.scale]) for block in table.blocks]
    heights = [HEIGHT] * len(levels) + [PAPER_HEIGHT]
    figure = Figure(figsize=(3 * WIDTH, sum(heights) + 1.1), layout="constrained")
    grid = figure.subplots(len(heights), 3, height_ratios=heights, sharex="col", sharey="row", squeeze=False)
    for axes, level in zip(grid, levels, strict=False):
        for ax, series in zip(axes, AXES, strict=True):
            _draw(ax, series, level)
        axes[0].set_ylabel(f"{level.heading}\naverage accuracy (%)")
    for ax, series in zip(grid[-1], AXES, strict=True):
        _draw_paper(ax, series, paper)
    grid[-1][0].set_ylabel("the paper (Qwen3-VL-2B)\naverage, own scale (%)")
    _finish(figure, levels, paper, table)
    return figure


def _level(block: Block, placed: Placed) -> Level:
    points: dict[str, dict[float, ComparisonRow]] = {series: {} for series in AXES}
    for (key, _), row in zip(placed, block.rows, strict=True):
        if key is not None and key[1] is not None and AVERAGE in row.accuracy:
            points[key[0]][key[1]] = row
    known = {(row.arm.method, row.arm.variant): row for row in block.rows if row.arm and AVERAGE in row.accuracy}
    if ("cepo", "default") not in known:
        raise DataError("cells", f"no default of cepo on all benchmarks at scale {block.scale}", "add its cells")
    return Level(f"{block.scale}: {block.model}", points, known["cepo", "default"], known.get(("grpo", "default")))


def _draw(ax: Axes, series: str, level: Level) -> None:
    """Points with the interval of their paired difference to the default, which is a line through the panel."""
    _lines(ax, _percent(level.default), _percent(level.grpo) if level.grpo else None)
    rows = dict(sorted(level.points[series].items()))
    ax.plot(list(rows), [_percent(row) for row in rows.values()], color=CEPO.colour, linewidth=0.6, alpha=0.6)
    for x, row in rows.items():
        if row is level.default:
            ax.plot(x, _percent(row), color=CEPO.colour, linestyle="", **STAR)
        else:
            by = row.versus["default"][AVERAGE]
            ends = [[100 * (by.value - by.low)], [100 * (by.high - by.value)]]
            ax.errorbar(x, _percent(row), ends, color=CEPO.colour, marker=CEPO.marker, capsize=2, elinewidth=1)
    ax.tick_params(labelbottom=True)


def _percent(row: ComparisonRow) -> float:
    return 100 * row.accuracy[AVERAGE].value


def _lines(ax: Axes, default: float, grpo: float | None) -> None:
    ax.axhline(default, color="black", linewidth=0.9)
    if grpo is not None:
        ax.axhline(grpo, color=GRPO.colour, linestyle=GRPO.dash, linewidth=1.1)


def _draw_paper(ax: Axes, series: str, paper: Published) -> None:
    """Draw the paper's points on an axis of their own. Points without a number are described below the panel."""
    points = [point for point in paper.figure3.points if point.series == series]
    known = {point.x: point.value for point in points if point.x is not None and point.value is not None}
    ax.plot(list(known), list(known.values()), color=CEPO.colour, linewidth=0.6, marker=CEPO.marker)
    cepo, grpo = (paper.table2.row(PAPER_SCALE, method) for method in ("cepo", "grpo"))
    if cepo is not None and cepo.average is not None:
        _lines(ax, cepo.average, grpo.average if grpo else None)
    ticks = TICKS[series]
    ax.margins(y=0.35)
    for x, said in ((point.x, point.note) for point in points if point.value is None and point.x is not None):
        on_the_left = x < sum(ticks) / len(ticks)
        at, side = ((x, 0.03), "left") if on_the_left else ((x, 0.12), "right")
        ax.annotate(f"{x:g}: {said}", at, xycoords=("data", "axes fraction"), ha=side, fontsize=6)
    set_apart(ax)
    ax.set(xlabel=AXES[series], xticks=ticks, xticklabels=[f"{x:g}" for x in ticks])


def _finish(figure: Figure, levels: Sequence[Level], paper: Published, table: Comparison) -> None:
    """A legend above the panels; explanation and provenance below them."""
    options = levels[0].default.arm.options if levels[0].default.arm else {}
    default = f"default: \u03bb {options['lam']:g} to 0 over {options['decay_steps']} steps, eps_w {options['eps_w']:g}"
    handles = {
        "CEPO": Line2D([], [], color=CEPO.colour, marker=CEPO.marker, linestyle=""),
        default: Line2D([], [], color="black", markerfacecolor=CEPO.colour, **STAR),
        "GRPO": Line2D([], [], color=GRPO.colour, linestyle=GRPO.dash),
    }
    figure.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=3, frameon=False)
    lines = [
        f"{table.world.capitalize()} world, {provenance.seeds(table.arms)}. Bars: 95 % intervals of the paired "
        "difference to the default; a bar that does not reach the black line excludes 0.",
        f"The shaded panels are {'another world' if table.world != 'paper' else 'the published numbers'} on a scale of "
        "their own: compare shapes. Their lines are the paper's Table 2; 'called': its text's words.",
        *_noise(paper),
        f"{provenance.origin(table.arms)}.",
    ]
    if missing := [row.name.removesuffix(" (not run)") for row in table.rows if row.arm is None]:
        lines.append(f"Not run: {', '.join(missing)}.")
    explain(figure, *lines)


def _noise(paper: Published) -> list[str]:
    """Say how large the sampling error of a point of the paper is."""
    cepo = paper.table2.row(PAPER_SCALE, "cepo")
    if cepo is None or cepo.recomputed is None:
        return []
    return [
        f"One run and one answer per question give the paper's points a standard error of {average_error(cepo):.1f}."
    ]
