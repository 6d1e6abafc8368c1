"""Two runs compared cell by cell: what is the same, what differs from where, and by how many points."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from contracts.errors import DataError
from evals.analysis.archive import pack
from evals.analysis.cells import CellFolder
from evals.analysis.runs import run_comparison
from evals.analysis.runs.opening import opened
from evals.analysis.runs.run_comparison import compare_runs, render
from tests.helpers.analysis_cells import write_cell


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The base, two methods; the second run has another CEPO, another machine, and one cell more."""
    here, there = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("there")
    for root, skill in ((here, 0.7), (there, 0.3)):
        write_cell(root / "cells", "base", questions=20)
        write_cell(root / "cells", "grpo", questions=20)
        write_cell(root / "cells", "cepo", questions=20, skill=skill)
    write_cell(there / "cells", "rlsd", questions=20)
    for path in (there / "cells").glob("*/*/*/*/run.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"machine": "Another CPU, 2 cores"}))
    return here, there


def printed(here: Path, there: Path, width: int) -> str:
    out = io.StringIO()
    with opened(here) as ours, opened(there) as theirs:
        for part in render(compare_runs(ours, theirs)):
            Console(file=out, width=width).print(part)
    return out.getvalue()


def test_what_is_the_same_and_what_is_not(two: tuple[Path, Path]):
    here, there = two
    with opened(here) as ours, opened(there) as theirs:
        found = compare_runs(ours, theirs)
        cepo = CellFolder(ours[1]).scores.average - CellFolder(theirs[1]).scores.average
    assert {cell.name: cell.bits for cell in found.cells} == {
        "base/small/default/s1": "same",
        "cepo/small/default/s1": "from step 1",
        "grpo/small/default/s1": "same",
    }
    difference = found.cells[1].difference
    assert difference is not None
    assert difference.value == pytest.approx(cepo)
    assert difference.low < cepo < difference.high
    assert difference.excludes_zero  # 0.7 against 0.3
    assert (found.only_ours, found.only_theirs) == (0, 1)
    assert found.machines == ("Linux x86_64", "Another CPU, 2 cores")


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_fits_and_names_both_machines(two: tuple[Path, Path], width: int):
    text = printed(*two, width)
    assert max(map(len, text.splitlines())) <= width
    assert "This run: Linux x86_64" in text
    assert "Other:    Another CPU, 2 cores" in text
    assert "differ from step 1" in text
    assert "3 cells are in both runs, 2 with the same bits." in text


def test_an_archive_will_do(two: tuple[Path, Path], tmp_path: Path):
    here, there = two
    pack(there, tmp_path)
    assert printed(here, tmp_path, 120) == printed(here, there, 120)


def test_other_questions_are_said_and_not_compared(two: tuple[Path, Path], tmp_path: Path):
    write_cell(tmp_path / "cells", "base", questions=10)
    with opened(two[0]) as ours, opened(tmp_path) as theirs:
        (cell,) = compare_runs(ours, theirs).cells
    assert (cell.bits, cell.difference) == ("other questions", None)


def test_nothing_to_compare_is_one_line(two: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_cell(tmp_path / "cells", "opsd", questions=10)
    with opened(two[0]) as ours, opened(tmp_path) as theirs, pytest.raises(DataError, match="no cell in common"):
        compare_runs(ours, theirs)
    monkeypatch.setattr("sys.argv", ["x", str(two[0]), str(tmp_path / "nothing")])
    with pytest.raises(SystemExit, match=r"holds neither records\.parquet nor evaluated cells; name a folder like"):
        run_comparison.main()
