"""Figure 3: what is drawn where, the paper on a scale of its own, the same bytes twice."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes

from contracts.errors import DataError
from contracts.paths import ROOT
from evals.analysis.cells import read_arms
from evals.analysis.figures.figure3 import figure3, write
from evals.analysis.published.numbers import load
from tests.helpers.analysis_cells import write_cell, write_experiment

PUBLISHED = ROOT / "results" / "published"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_experiment(tmp_path_factory.mktemp("figure3"), "figure3", skip=("eps_w=0.3",))


def drawn(cells: list[Path]) -> list[Axes]:
    """The panels."""
    return figure3(read_arms(cells), load(PUBLISHED)).axes


def markers(ax: Axes) -> dict[float, float]:
    """Points with a marker: x -> y."""
    return {
        float(x): float(y)
        for line in ax.lines
        if line.get_marker() in ("v", "*")
        for x, y in zip(np.atleast_1d(line.get_xdata()), np.atleast_1d(line.get_ydata()), strict=True)
    }


def test_files_are_pictures_and_the_same_twice(cells: list[Path], tmp_path: Path) -> None:
    first, second = (write(cells, PUBLISHED, tmp_path / name) for name in ("a", "b"))
    assert [path.name for path in first] == ["figure3.svg", "figure3.png"]
    assert first[1].read_bytes().startswith(b"\x89PNG")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    for words in ("eps_w, half-width", "Not run: eps_w 0.3", "own scale", "called degraded", "seed 1"):
        assert f"<!-- {words}" in first[0].read_text() or words in first[0].read_text(), words


def test_every_point_is_in_its_panel_and_the_default_is_marked(cells: list[Path]) -> None:
    axes = drawn(cells)
    assert len(axes) == 6
    assert [sorted(markers(ax)) for ax in axes[:3]] == [
        [0, 0.25, 0.5, 0.75, 1],
        [10, 25, 50],
        [0.1, 0.2, 0.4, 0.5, 0.6, 0.8, 1],
    ]
    stars = [line for line in axes[2].lines if line.get_marker() == "*"]
    (star,) = stars
    assert list(star.get_xdata()) == [0.5]
    level = float(np.asarray(star.get_ydata())[0])
    for ax in axes[:3]:  # the default's line runs through every panel
        assert any(line.get_color() == "black" and set(np.asarray(line.get_ydata())) == {level} for line in ax.lines)


def test_the_paper_has_its_own_scale_and_its_own_points(cells: list[Path]) -> None:
    axes = drawn(cells)
    assert [markers(ax) for ax in axes[3:]] == [{0.5: 41.4}, {25: 41.25}, {0.4: 42.7, 0.5: 42.7}]
    assert axes[3].get_ylim() == axes[5].get_ylim() != axes[0].get_ylim()
    assert axes[3].get_facecolor() != axes[0].get_facecolor()
    words = [text.get_text() for ax in axes[3:] for text in ax.texts]
    assert words == [
        "1: called worse",
        "10: called comparable to 25",
        "0.1: called close to GRPO",
        "0.8: called degraded",
    ]


def test_two_scales_are_two_rows_above_the_paper(tmp_path: Path) -> None:
    arms = [("cepo", "default", {}), ("cepo", "wide", {"eps_w": 0.8})]
    cells = [
        write_cell(tmp_path / "cells", method, scale, variant=variant, changed=changed)
        for scale in ("small", "large")
        for method, variant, changed in arms
    ]
    axes = drawn(cells)
    assert len(axes) == 9
    assert sorted(markers(axes[2])) == sorted(markers(axes[5])) == [0.5, 0.8]
    assert markers(axes[0]) == {}


def test_without_a_default_there_is_no_figure(tmp_path: Path) -> None:
    cells = [write_cell(tmp_path / "cells", "cepo", variant="wide", changed={"eps_w": 0.8})]
    with pytest.raises(DataError, match="no default of cepo"):
        write(cells, PUBLISHED, tmp_path / "out")
