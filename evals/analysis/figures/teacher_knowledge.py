"""What each method gains over GRPO, as a function of what its teacher knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evals.analysis import provenance
from evals.analysis.base_teachers import BASELINE, TeacherKnowledge, gains
from evals.analysis.comparison import Comparison, ComparisonRow
from evals.analysis.figures.style import SETTINGS, Look, explain, looks, save
from evals.analysis.published.numbers import load
from evals.statistics.intervals import AVERAGE

SIZE = (6.4, 3.9)  # inches
BESIDE = 0.02  # nats between the points of two methods at the same base, so that their bars do not hide each other
UPPER_END = "oracle"


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``teacher_knowledge`` (.svg, .png) to the folder ``out``; returns the paths.

    ``cells`` and ``published`` are those of the table ``teachers``, and so are the errors. The same cells give the same
    bytes.
    """
    with rc_context(SETTINGS):
        return save(draw_gains(gains(cells, load(published))), out, "teacher_knowledge")


def draw_gains(table: Comparison) -> Figure:
    """A line for each method through its bases: evidence on slips across, points gained over GRPO up."""
    figure = Figure(figsize=SIZE, layout="constrained")
    ax = figure.subplots()
    lines: dict[tuple[str, str], list[ComparisonRow]] = {}
    for row in table.rows:
        if row.arm and AVERAGE in row.versus.get(BASELINE, {}):
            lines.setdefault((row.arm.method, row.arm.variant), []).append(row)
    shown = looks(list(lines))
    for number, (name, rows) in enumerate(lines.items()):
        _line(ax, rows, shown[name], (number - (len(lines) - 1) / 2) * BESIDE)
    ax.axhline(0.0, color="#555555", linewidth=0.8)
    ax.set_xlabel("what the teacher knows: evidence on slips of the untrained base (nats)")
    ax.set_ylabel("gain over GRPO (points)")
    figure.legend(loc="outside right center", frameon=False)
    explain(figure, *_note(table))
    return figure


def _line(ax: Axes, rows: Sequence[ComparisonRow], look: Look, shift: float) -> None:
    """One method. The oracle asks no teacher; its line is the upper end at each base."""
    points = [(TeacherKnowledge(row.arm).slips + shift, row.versus[BASELINE][AVERAGE]) for row in rows if row.arm]
    points.sort(key=lambda point: point[0])
    across, found = [x for x, _ in points], [estimate for _, estimate in points]
    ends = [[100 * (one.value - one.low) for one in found], [100 * (one.high - one.value) for one in found]]
    ax.errorbar(
        across, [100 * one.value for one in found], ends, color=look.colour, marker=look.marker, linestyle=look.dash,
        capsize=2, elinewidth=0.8, linewidth=2.2 if rows[0].name == UPPER_END else 1.3, label=rows[0].name,
    )  # fmt: skip


def _note(table: Comparison) -> tuple[str, ...]:
    bases = "; ".join(f"{block.scale}: {block.model}" for block in table.blocks)
    return (
        f"{table.world.capitalize()} world, {provenance.seeds(table.arms)}. Bases: {bases}.",
        "Average over the benchmarks, paired by question; bars: 95 % intervals. Evidence at the place where the "
        "method's teacher reads its reference.",
        "The oracle, the upper end, and entropy ask no teacher: they stand where one that reads it at their place "
        "would.",
    )
