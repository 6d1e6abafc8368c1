"""Packed answers give every table, figure and verdict again, byte for byte, and load no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from contracts.errors import DataError
from contracts.paths import ROOT
from evals.analysis import archive
from evals.analysis.cell_texts import RECORDS
from evals.analysis.cells import CellFolder
from evals.analysis.tables.gradients import write as write_gradients
from evals.analysis.tables.table2 import write as write_table2
from tests.helpers.analysis_cells import write_cell, write_experiment, write_grid
from tests.helpers.base_checks import KNOWN, write_teachers
from tests.helpers.credit_cells import write_credit
from tests.helpers.measured_gradients import write_measured
from workflows.lib.config.loading import read_experiments
from workflows.lib.publish.rebuild import rebuild

PUBLISHED = ROOT / "results" / "published"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_grid(folder / "cells", seeds=(1, 2))
    write_experiment(folder / "cells", "table4", seeds=(1, 2), skip=("default",))
    for cell in (folder / "cells").glob("*/*/*/s*"):
        if cell.parts[-4] != "base":
            write_credit(cell, cell.parts[-4], int(cell.name[1:]), problems=1)
    write_measured(folder, states=("base", "default"))
    return folder


@pytest.fixture(scope="module")
def packed(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    archive.pack(results, folder)
    return folder


def test_unpacked_cells_say_what_the_cells_said(results: Path, packed: Path, tmp_path: Path) -> None:
    for cell in archive.unpack(packed, tmp_path):
        ours, theirs = CellFolder(cell), CellFolder(results / "cells" / cell.relative_to(tmp_path / "cells"))
        assert (ours.cell, ours.run, ours.scores) == (theirs.cell, theirs.run, theirs.scores)
        assert ours.samples.keys() == theirs.samples.keys()
        for name, table in ours.samples.items():
            assert table.reset_index(drop=True).equals(theirs.samples[name].reset_index(drop=True))


def test_the_archive_is_small_and_holds_no_response(packed: Path) -> None:
    cells = 2 * (12 + 4)
    assert sum(path.stat().st_size for path in packed.iterdir()) < 20_000 * cells
    assert "response" not in pq.read_schema(packed / "answers.parquet").names


def test_everything_that_was_run_is_made_again_without_torch(results: Path, packed: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from workflows.lib.publish import rebuild; rebuild.main(); "
        "sys.exit(any(name.split('.')[0] in ('torch', 'lmms_eval', 'snakemake') for name in sys.modules))"
    )
    command = [sys.executable, "-c", code, str(packed), str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr + done.stdout
    made = {path.name for path in (tmp_path / "out").rglob("*.*") if path.parent.name in ("tables", "figures")}
    assert {"table2.md", "table3.csv", "table4.html", "claims.json", "publishedcheck.tex", "credit.md"} <= made
    assert {"figure1.svg", "figure4.svg", "gradient_signal.svg", "gradients.md"} <= made
    assert not {"table5.md", "controls.md"} & made
    cells = [
        results / "cells" / m / s / "default" / f"s{n}" for s in ("small", "large") for m in METHODS for n in (1, 2)
    ]
    write_measured(tmp_path, states=("base", "default"))
    direct = write_table2(cells, PUBLISHED, tmp_path / "direct") + write_gradients([], PUBLISHED, tmp_path / "direct")
    assert all(path.read_bytes() == (tmp_path / "out" / "tables" / path.name).read_bytes() for path in direct)


METHODS = ("base", "grpo", "opsd", "sdpo", "rlsd", "cepo")


def test_a_results_folder_will_do_and_an_empty_one_is_an_error(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same cells as above, whose figures need not be drawn again."""
    tables = {name: one.model_copy(update={"figures": []}) for name, one in read_experiments().items()}
    with monkeypatch.context() as patch:
        patch.setattr("workflows.lib.publish.rebuild.read_experiments", lambda: tables)
        made = dict(rebuild(results, tmp_path / "out"))
    assert made["claims"] is None
    assert made["gradients"] is None
    write_measured(tmp_path / "measured")
    assert set(rebuild(tmp_path / "measured", tmp_path / "alone")) == {("gradients", None), ("gradient_signal", None)}
    with pytest.raises(DataError, match=r"has neither records\.parquet nor cells"):
        list(rebuild(tmp_path / "nothing", tmp_path / "out"))


def test_a_forged_archive_writes_nothing_outside(packed: Path, tmp_path: Path) -> None:
    texts = pq.read_table(packed / RECORDS)
    forged = texts.set_column(0, "cell", [["../../../x"] * len(texts)])
    (tmp_path / "forged").mkdir()
    pq.write_table(forged, tmp_path / "forged" / RECORDS)
    (tmp_path / "forged" / "answers.parquet").write_bytes((packed / "answers.parquet").read_bytes())
    with pytest.raises(DataError, match="outside the results"):
        archive.unpack(tmp_path / "forged", tmp_path / "out")
    assert not (tmp_path.parent / "x").exists()


def test_what_was_measured_of_base_models_goes_with_the_answers(tmp_path: Path) -> None:
    write_teachers(tmp_path / "run")
    for scale in KNOWN:
        for method in ("sdpo", "rlsd", "entropy"):
            write_cell(tmp_path / "run" / "cells", method, scale)
    archive.pack(tmp_path / "run", tmp_path / "packed")
    made = dict(rebuild(tmp_path / "packed", tmp_path / "out"))
    assert made["teachers"] is None
    assert "evidence on slips" in (tmp_path / "out" / "tables" / "teachers.md").read_text()


def test_the_committed_run_is_what_its_answers_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the arms of an experiment have fewer seeds than the default they are compared with.

    Only the texts are compared, so no picture is drawn: that would take most of the time.
    """
    monkeypatch.setattr("matplotlib.figure.Figure.draw_without_rendering", lambda _: None)
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda _, file, **__: Path(file).touch())
    reference = ROOT / "results" / "reference" / "micro"
    assert all(error is None for _, error in rebuild(reference, tmp_path))
    committed = {path.relative_to(reference) for kind in ("md", "csv") for path in reference.glob(f"tables/*.{kind}")}
    assert {path.stem for path in committed} >= {"table1", "table2", "table3", "credit", "claims", "gradients", "truth"}
    for path in committed:
        assert (tmp_path / path).read_text() == (reference / path).read_text(), path


def test_the_committed_run_holds_one_copy_of_each_record() -> None:
    reference = ROOT / "results" / "reference" / "micro"
    assert not (reference / "cells").exists(), f"{RECORDS} holds the cells"
