"""Gradients as a picture: how many rollouts each arm needs where GRPO needs one, and where its gradient points."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from contracts.gradients import TARGET
from evals.analysis.figures.style import COLOURS, MARKERS, SETTINGS, explain, save
from evals.analysis.gradient_results import MeasuredGradients, arm_name, read_measured, state_name

BASELINE = "grpo"
ROW = 0.27  # inches of an arm
WIDTH = 7.2  # inches
APART = 0.22  # rows between two states of the same arm


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``gradient_signal`` (.svg, .png) to the folder ``out``; returns the paths.

    Numbers are read from the folder ``gradients`` beside ``out``; ``cells`` and ``published`` are not needed. Raises
    DataError if no gradients were measured or a file is broken. The same numbers give the same bytes.
    """
    measured = read_measured(out.parent)
    with rc_context(SETTINGS):
        return save(draw_gradients(measured), out, "gradient_signal")


def draw_gradients(measured: MeasuredGradients) -> Figure:
    """A row of panels for each scale: rollouts needed on the left, direction on the right, states by marker."""
    scales = list(dict.fromkeys(scale for scale, _ in measured.policies))
    states = list(dict.fromkeys(state for _, state in measured.policies))
    arms = {scale: _arms(measured, scale) for scale in scales}
    heights = [max(ROW * len(arms[scale]), 0.5) for scale in scales]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.75 * len(scales) + 0.9), layout="constrained")
    axes = figure.subplots(len(scales), 2, squeeze=False, sharey="row", sharex="col", height_ratios=heights)
    for row, scale in enumerate(scales):
        model = next(report.model_name for report in measured.reports if report.scale == scale)
        for place, state in enumerate(states):
            shift = (place - (len(states) - 1) / 2) * APART
            _points(axes[row, 0], measured, (scale, state, "samples", BASELINE), arms[scale], place, shift)
            _points(axes[row, 1], measured, (scale, state, "direction", None), arms[scale], place, shift)
        _frame(axes[row], f"{scale}: {model}", [arm_name(name) for name in arms[scale]])
    axes[-1, 0].set_xlabel("rollouts needed where GRPO needs 1 (left: fewer)")
    axes[-1, 1].set_xlabel("direction: cosine with the gradient of accuracy")
    handles = [
        Line2D([], [], color=_colour(i), marker=MARKERS[i % len(MARKERS)], linestyle="", label=state_name(state))
        for i, state in enumerate(states)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    explain(figure, *_note(measured))
    return figure


def _arms(measured: MeasuredGradients, scale: str) -> list[str]:
    """All arms of a scale, in the order of tables, without the policy gradient, which is the yardstick."""
    states = [state for of, state in measured.policies if of == scale]
    names = dict.fromkeys(name for state in states for name in measured.arms(scale, state))
    return [name for name in names if name != TARGET]


def _points(
    ax: Axes, measured: MeasuredGradients, wanted: tuple[str, str, str, str | None], arms: Sequence[str], place: int,
    shift: float,
) -> None:  # fmt: skip
    """One state's numbers; an arm without a number has no point."""
    scale, state, quantity, theirs = wanted
    colour, marker = _colour(place), MARKERS[place % len(MARKERS)]
    for row, name in enumerate(arms):
        found = measured.number(scale, state, quantity, name, theirs)
        if found is None:
            continue
        ax.plot([found.value], [row + shift], color=colour, marker=marker, linestyle="")
        if found.low is not None and found.high is not None:
            ax.plot([found.low, found.high], [row + shift] * 2, color=colour, linewidth=1.0)


def _colour(place: int) -> str:
    return COLOURS[place % len(COLOURS)]


def _frame(axes: Sequence[Axes], heading: str, names: Sequence[str]) -> None:
    samples, direction = axes
    samples.set_title(heading, loc="left")
    samples.set_yticks(np.arange(len(names)), names)
    samples.set_ylim(len(names) - 0.4, -0.6)
    samples.set_xscale("log")
    samples.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    samples.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    samples.xaxis.set_minor_formatter(NullFormatter())
    samples.axvline(1.0, color="#555555", linewidth=0.8)
    for mark in (0.0, 1.0):
        direction.axvline(mark, color="#555555", linewidth=0.8)


def _note(measured: MeasuredGradients) -> tuple[str, str]:
    seeds = len({report.seed for report in measured.reports})
    first = measured.reports[0]
    covers = f"over {seeds} seeds" if seeds > 1 else "over the batches of one seed"
    return (
        f"{first.world.capitalize()} world, {first.batches} batches of {first.prompts} x {first.group_size} rollouts "
        f"at each state. Bars: 95 % intervals {covers}.",
        "No point: the signal is too weak to compute the number.",
    )
