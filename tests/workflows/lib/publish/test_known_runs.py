"""A store that nobody has changed since a cell was copied into it is not opened again; any other one is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from evals.analysis.cells import CellFolder
from tests.helpers.analysis_cells import write_cell
from workflows.lib.mlflow_store import store_of
from workflows.lib.publish.finished_cell import keep_tracked
from workflows.lib.publish.known_runs import KnownRuns
from workflows.lib.publish.measures import cell_run
from workflows.lib.publish.study_run import track_study
from workflows.lib.publish.tracking import track

CELLS = ("grpo", "cepo")


@pytest.fixture
def results(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A results folder with two cells, of which the first has been copied."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "mlflow.db").write_bytes(empty_store.read_bytes())
    for name in CELLS:
        write_cell(tmp_path / "cells", name, questions=10)
    keep_tracked(cell(tmp_path, "grpo"), tmp_path)
    return tmp_path


def cell(results: Path, method: str) -> CellFolder:
    return CellFolder(results / "cells" / method / "small" / "default" / "s1")


def known(results: Path, method: str) -> bool:
    return KnownRuns(store_of(results)).holds(cell_run(cell(results, method), []))


def client_of(results: Path) -> MlflowClient:
    return MlflowClient(store_of(results))


def delete_the_run(results: Path) -> None:
    client = client_of(results)
    experiment = client.get_experiment_by_name("cepo-bench micro")
    assert experiment is not None
    for run in client.search_runs([experiment.experiment_id]):
        client.delete_run(run.info.run_id)


def write_new_scores(results: Path) -> None:
    path = cell(results, "grpo").path / "train.jsonl"
    path.write_text(path.read_text().replace('"reward_mean":', '"reward_mean": '))


def copy_the_store(results: Path) -> None:
    path = results / "mlflow.db"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)


def break_the_note(results: Path) -> None:
    (results / "mlflow.db.known.json").write_text("{")


def test_a_known_cell_opens_no_store(results: Path, monkeypatch: pytest.MonkeyPatch):
    assert known(results, "grpo")
    assert not known(results, "cepo")
    monkeypatch.setitem(sys.modules, "workflows.lib.publish.tracking", None)  # importing it would fail
    keep_tracked(cell(results, "grpo"), results)
    with pytest.raises(ImportError):
        keep_tracked(cell(results, "cepo"), results)


@pytest.mark.parametrize("change", [delete_the_run, write_new_scores, copy_the_store, break_the_note])
def test_after_any_change_it_is_looked_up_again(results: Path, change: Callable[[Path], None]):
    change(results)
    assert not known(results, "grpo")
    keep_tracked(cell(results, "grpo"), results)
    assert known(results, "grpo")
    experiment = client_of(results).get_experiment_by_name("cepo-bench micro")
    assert experiment is not None
    assert len(client_of(results).search_runs([experiment.experiment_id])) == 1


def test_what_is_copied_later_leaves_the_others_known(results: Path):
    keep_tracked(cell(results, "cepo"), results)
    assert [known(results, name) for name in CELLS] == [True, True]
    (results / "tables").mkdir()
    (results / "tables" / "table2.md").write_text("a table")
    track_study(results, "cepo-bench micro", store_of(results), results / "mlflow")
    assert [known(results, name) for name in CELLS] == [True, True]


def test_more_tags_than_asked_for_are_no_other_run(results: Path):
    run = cell(results, "cepo")
    track([run.path], "cepo-bench micro", {"table2": [run.cell.name]}, store_of(results), results / "mlflow")
    assert known(results, "cepo")
    assert not KnownRuns(store_of(results)).holds(cell_run(run, ["table4"]))


def test_a_store_that_is_no_file_has_no_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with KnownRuns("http://127.0.0.1:1").keeping() as runs:
        assert runs == {}
    assert list(tmp_path.iterdir()) == []
