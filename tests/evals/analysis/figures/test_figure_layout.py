"""How figures are laid out: no text leaves its figure, and no label of an axis covers the next."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from matplotlib import rc_context
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from contracts.paths import ROOT
from evals.analysis.base_teachers import gains
from evals.analysis.cells import read_arms
from evals.analysis.comparison import by_scale
from evals.analysis.figures.credit import figure4
from evals.analysis.figures.gradient_signal import draw_gradients
from evals.analysis.figures.style import SETTINGS, explain
from evals.analysis.figures.teacher_knowledge import draw_gains
from evals.analysis.figures.training import rewards
from evals.analysis.gradient_results import read_measured
from evals.analysis.published.numbers import load
from tests.helpers.analysis_cells import write_cell, write_grid
from tests.helpers.base_checks import write_teachers
from tests.helpers.credit_cells import write_credit
from tests.helpers.measured_gradients import write_measured

NAMES = ("grpo", "opsd", "sdpo", "rlsd", "cepo", "a_method_of_ones_own", "another_method_of_ones_own", "third_method")


def training(folder: Path) -> Figure:
    return rewards(read_arms([write_cell(folder, name) for name in NAMES]))


def evidence(folder: Path) -> Figure:
    cells = write_grid(folder, ("grpo", "cepo"))
    for cell in cells:
        write_credit(cell, cell.parts[-4], problems=1)
    return figure4(by_scale(read_arms(cells)), "micro")


def signal(folder: Path) -> Figure:
    write_measured(folder)
    return draw_gradients(read_measured(folder))


def knowledge(folder: Path) -> Figure:
    return draw_gains(gains(write_teachers(folder), load(ROOT / "results" / "published")))


@pytest.mark.parametrize("draw", [training, evidence, signal, knowledge])
def test_no_text_leaves_its_figure_and_no_label_covers_the_next(draw: Callable[[Path], Figure], tmp_path: Path):
    with rc_context(SETTINGS):
        figure = draw(tmp_path)
        FigureCanvasAgg(figure).draw()
    (note,) = [text for text in figure.texts if text.get_fontsize() == 6]
    for text in (note, *(one for legend in figure.legends for one in legend.get_texts())):
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0, text.get_text()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            boxes = labels(axis)
            assert not [one for one, other in pairwise(boxes) if one.overlaps(other)], axes.get_title(loc="left")


def labels(axis: Axis) -> list[Bbox]:
    """Where the tick labels that are seen lie, in the order of their numbers."""
    low, high = sorted(axis.get_view_interval())
    seen = [tick for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()) if low <= tick.get_loc() <= high]
    texts: list[Text] = [
        tick.label1 for tick in sorted(seen, key=lambda tick: tick.get_loc()) if tick.label1.get_visible()
    ]
    return [text.get_window_extent() for text in texts if text.get_text()]


def test_a_long_note_is_broken_where_the_figure_ends():
    with rc_context(SETTINGS):
        figure = Figure(figsize=(3, 2), layout="constrained")
        explain(figure, "a sentence that is repeated " * 9, "the last one")
        FigureCanvasAgg(figure).draw()
    (note,) = figure.texts
    assert note.get_window_extent().width <= figure.bbox.width
    assert note.get_text().splitlines()[-1] == "the last one"
