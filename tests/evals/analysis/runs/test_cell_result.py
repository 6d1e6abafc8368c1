"""What a cell came to, and the table of pairs, on cells whose numbers are known from their answers."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from contracts.errors import DataError
from contracts.paths import ROOT
from evals.analysis.cells import CellFolder
from evals.analysis.runs.cell_result import render, result_of
from evals.analysis.tables import pairs
from tests.helpers.analysis_cells import write_cell
from workflows.lib.publish.finished_cell import where

PUBLISHED = ROOT / "results" / "published"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("run") / "cells"
    made = [write_cell(root, name, seed=seed, questions=20) for name in ("grpo", "cepo") for seed in (1, 2)]
    mine = {"eps_w": 0.8}
    made += [write_cell(root, "cepo", seed=seed, variant="mine", changed=mine, questions=20) for seed in (1, 2)]
    return [*made, write_cell(root, "cepo", seed=3, questions=20)]


def average(cells: list[Path], name: str) -> float:
    (path,) = [path for path in cells if path.as_posix().endswith(name)]
    return CellFolder(path).scores.average


def test_a_cell_beside_its_methods_default(cells: list[Path]):
    found = result_of("cepo/small/mine/s1", cells)
    assert found.accuracy["average"].value == pytest.approx(average(cells, "cepo/small/mine/s1"))
    shown = [(one.partner, one.seeds) for one in found.differences]
    assert shown == [
        ("cepo/small/default", (1,)),
        ("cepo/small/default", (1, 2)),
        ("grpo/small/default", (1,)),
        ("grpo/small/default", (1, 2)),
        ("base/small/default", ()),
    ]
    difference = average(cells, "cepo/small/mine/s1") - average(cells, "cepo/small/default/s1")
    first = found.differences[0].found["average"]
    assert first.value == pytest.approx(difference)
    assert first.low < difference < first.high


def test_a_seed_that_the_default_lacks_is_said(cells: list[Path], tmp_path: Path):
    extra = write_cell(tmp_path, "cepo", seed=9, variant="mine", changed={"eps_w": 0.8}, questions=20)
    found = result_of("cepo/small/mine/s9", [*cells, extra])
    assert [one.seeds for one in found.differences] == [(), (), ()]
    lines = where(found, Path("results/micro"))
    assert "Lacking  make cell CELL=cepo/small/default/s9" in lines
    assert lines[0].startswith("Files    results/micro/cells/cepo/small/mine/s9")


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_fits(cells: list[Path], width: int):
    out = io.StringIO()
    for part in render(result_of("cepo/small/mine/s1", cells)):
        Console(file=out, width=width).print(part)
    assert max(map(len, out.getvalue().splitlines())) <= width
    assert "cepo/small/default" in out.getvalue()
    assert "not run" in out.getvalue()


def test_a_cell_that_was_not_evaluated_is_one_line(cells: list[Path]):
    with pytest.raises(DataError, match=r"cepo/small/mine/s7: is not evaluated; run: make cell CELL="):
        result_of("cepo/small/mine/s7", cells)


def test_any_arms_make_a_table_of_pairs(cells: list[Path], tmp_path: Path):
    four = [path for path in cells if path.name != "s3"]
    pairs.write(four, PUBLISHED, tmp_path)
    text = (tmp_path / "pairs.md").read_text()
    assert "CEPO: eps_w 0.8 (0.5)" in text
    assert "CEPO (mine) \u2212 GRPO" in text
    assert "CEPO \u2212 GRPO" in text
    chosen = ["grpo/small/default", "cepo/small/mine"]
    pairs.write_chosen(four, chosen, PUBLISHED, tmp_path)
    text = (tmp_path / "pairs.md").read_text()
    assert "CEPO (mine) \u2212 GRPO" in text
    assert "CEPO \u2212 GRPO" not in text


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (["grpo/small/default", "cepo/small/mina"], "did you mean 'cepo/small/mine'"),
        (["grpo/small/default"], "give two arms or more of one scale"),
    ],
)
def test_arms_that_cannot_be_compared_are_one_line(cells: list[Path], tmp_path: Path, chosen: list[str], said: str):
    with pytest.raises(DataError, match=said):
        pairs.write_chosen(cells, chosen, PUBLISHED, tmp_path)
