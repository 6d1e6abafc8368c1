"""The MLflow store against the files it was made from; reruns add nothing."""

from __future__ import annotations

import json
import socket
import sqlite3
from itertools import accumulate
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from contracts.errors import ConfigError
from evals.analysis.cells import CellFolder
from evals.analysis.gradient_results import read_measured
from tests.helpers.analysis_cells import write_cell
from tests.helpers.measured_gradients import write_measured
from workflows.lib.publish.experiment_page import address
from workflows.lib.publish.mlflow_ui import check_port, check_store, command
from workflows.lib.publish.study_run import track_study
from workflows.lib.publish.tracking import track, usable

CELLS = [("base", 0.35), ("grpo", 0.45), ("cepo", 0.55)]


class Store:
    """Three cells and a store of their own."""

    def __init__(self, root: Path, empty_store: Path) -> None:
        self.database = root / "mlflow.db"
        self.database.write_bytes(empty_store.read_bytes())
        self.uri, self.artifacts = f"sqlite:///{self.database}", root / "artifacts"
        self.cells = [write_cell(root / "cells", name, skill=skill, questions=10) for name, skill in CELLS]

    def track(self, **membership: list[str]) -> dict[str, str]:
        """Copy the cells into the store."""
        return track(self.cells, "world", membership, self.uri, self.artifacts)

    @property
    def client(self) -> MlflowClient:
        """A new client."""
        return MlflowClient(self.uri)

    def runs(self) -> list:
        """All active runs."""
        experiment = self.client.get_experiment_by_name("world")
        assert experiment is not None
        return list(self.client.search_runs([experiment.experiment_id]))


@pytest.fixture
def store(tmp_path: Path, empty_store: Path) -> Store:
    return Store(tmp_path, empty_store)


def test_measured_gradients_are_runs_of_their_own(store: Store, tmp_path: Path):
    write_measured(tmp_path / "results", states=("base", "default"))
    given = ([], "world", {}, store.uri, store.artifacts, tmp_path / "results")
    ids = track(*given)
    assert ids.keys() == {"gradients/small/base/s1", "gradients/small/default/s1"}
    run, measured = store.client.get_run(ids["gradients/small/base/s1"]), read_measured(tmp_path / "results")
    found = measured.number("small", "base", "samples", "cepo/lam=1", "grpo")
    assert found is not None
    key = "gradients/cepo/lam_1/samples"
    assert [run.data.metrics[key + end] for end in ("", "_low", "_high")] == [found.value, found.low, found.high]
    assert (run.data.params["state"], run.data.params["batches"]) == ("base", "24")
    assert track(*given) == ids


def test_a_run_says_what_the_files_say(store: Store):
    ids = store.track(table2=["cepo/small/default/s1"])
    assert ids.keys() == {"base/small/default/s1", "grpo/small/default/s1", "cepo/small/default/s1"}
    run, cell = store.client.get_run(ids["cepo/small/default/s1"]), CellFolder(store.cells[2])
    rewards = store.client.get_metric_history(run.info.run_id, "train/reward_mean")
    assert [(m.step, m.value) for m in rewards] == [(s.step, s.reward_mean) for s in cell.steps]
    validated = store.client.get_metric_history(run.info.run_id, "train/val_accuracy")
    assert [m.step for m in validated] == [10, 20, 30, 40, 50]  # an absent value gives no point
    assert run.data.metrics["eval/average"] == cell.scores.average
    assert run.data.metrics["eval/mmmu/acc"] == cell.scores.benchmarks["mmmu"].accuracy
    assert run.data.params["method"] == "cepo"
    assert (run.data.tags["cell_digest"], run.data.tags["experiment/table2"]) == (cell.cell.digest, "true")
    assert run.info.artifact_uri == f"mlflow-artifacts:/runs/{run.info.run_id}/artifacts"
    kept = store.artifacts / "runs" / run.info.run_id / "artifacts"
    assert {file.name for file in kept.iterdir()} == {"cell.json", "run.json", "train.jsonl", "scores.json"}
    assert (run.info.run_name, run.info.status) == ("cepo/small/default/s1", "FINISHED")


def test_time_runs_with_the_steps(store: Store):
    ids = store.track()
    rewards = store.client.get_metric_history(ids["grpo/small/default/s1"], "train/reward_mean")
    start = store.client.get_run(ids["grpo/small/default/s1"]).info.start_time
    ends = accumulate(sum(step.seconds.values()) for step in CellFolder(store.cells[1]).steps)
    assert [m.timestamp - start for m in rewards] == [round(1000 * end) for end in ends]


def test_again_changes_nothing(store: Store):
    first = store.track()
    before = {run.info.run_id: (run.data.to_dictionary(), run.info.end_time) for run in store.runs()}
    assert store.track() == first
    assert {run.info.run_id: (run.data.to_dictionary(), run.info.end_time) for run in store.runs()} == before


def test_new_scores_replace_the_run(store: Store):
    first = store.track()
    path = store.cells[2] / "eval" / "scores.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"average": 0.123}))
    second = store.track()
    assert len(store.runs()) == 3
    assert {name for name in first if first[name] != second[name]} == {"cepo/small/default/s1"}
    assert store.client.get_run(second["cepo/small/default/s1"]).data.metrics["eval/average"] == 0.123


def test_a_run_that_was_not_finished_is_made_again(store: Store):
    first = store.track()
    store.client.delete_tag(first["grpo/small/default/s1"], "content_digest")  # written last
    second = store.track()
    assert len(store.runs()) == 3
    assert second["grpo/small/default/s1"] != first["grpo/small/default/s1"]


def test_a_cell_of_another_experiment_keeps_its_run(store: Store):
    first = store.track(table2=["cepo/small/default/s1"])
    second = store.track(table2=["cepo/small/default/s1"], table4=["cepo/small/default/s1"])
    assert first == second
    tags = store.client.get_run(first["cepo/small/default/s1"]).data.tags
    assert (tags["experiment/table2"], tags["experiment/table4"]) == ("true", "true")


def test_the_pages_show_description_source_and_data(store: Store):
    run = store.client.get_run(store.track()["cepo/small/default/s1"])
    cell = CellFolder(store.cells[2])
    assert run.data.tags["mlflow.note.content"].startswith(f"{100 * cell.scores.average:.1f} % [")
    assert run.data.tags["mlflow.source.name"] == "make cell CELL=cepo/small/default/s1"
    assert run.data.tags["mlflow.source.git.commit"] == "0123456789abcdef"
    assert [one.dataset.name for one in run.inputs.dataset_inputs] == ["micro benchmarks"]
    experiment = store.client.get_experiment_by_name("world")
    assert experiment is not None
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    (view,) = [value for key, value in experiment.tags.items() if key.startswith("mlflow.sharedViewState.")]
    assert "metrics.`eval/average`" in json.loads(view)["selectedColumns"]
    assert check_store(store.uri) == experiment.experiment_id


def test_one_run_holds_tables_figures_and_the_report_and_keeps_its_id(store: Store, tmp_path: Path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "table2.md").write_text("a table")
    first = track_study(tmp_path, "world", store.uri, store.artifacts)
    kept = store.artifacts / "runs" / first / "artifacts"
    assert (kept / "tables" / "table2.md").read_text() == "a table"
    assert (kept / "report" / "report.html").exists()
    (tmp_path / "tables" / "table2.md").write_text("another")
    assert track_study(tmp_path, "world", store.uri, store.artifacts) == first
    assert (kept / "tables" / "table2.md").read_text() == "another"


def test_a_moved_store_names_no_folder(store: Store, tmp_path: Path):
    store.track()
    texts = [str(value) for run in store.runs() for value in (run.info.artifact_uri, *run.data.tags.values())]
    database = store.database.read_bytes()
    artifacts = [text for text in texts if str(store.artifacts) in text]
    assert artifacts == []
    assert str(store.artifacts).encode() not in database


def test_the_server_has_one_worker_and_serves_what_lies_beside_the_store(tmp_path: Path):
    words = command(f"sqlite:///{tmp_path}/mlflow.db", "5001")
    assert words[words.index("--workers") + 1] == "1"
    assert words[words.index("--artifacts-destination") + 1] == str(tmp_path / "mlflow")
    assert address("127.0.0.1", "5001", "3").startswith("http://127.0.0.1:5001/#/experiments/3/runs?workflowType=mach")


def test_a_store_of_another_version_is_one_line(store: Store):
    with sqlite3.connect(store.database) as database:
        database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    with pytest.raises(ConfigError) as error:
        store.track()
    assert str(error.value).startswith(f"{store.uri}: MLflow store of another version (")
    assert "move it away, it is made again from the results" in str(error.value)


def test_a_file_that_is_no_store_is_one_line(store: Store):
    store.database.write_bytes(b"not a database" * 100)
    with pytest.raises(
        ConfigError, match=r"MLflow store cannot be used .*; move it away, or check MLFLOW_TRACKING_URI$"
    ):
        store.track()


def test_the_pages_open_no_store_that_cannot_be_used(store: Store):
    store.track()
    check_store(store.uri)
    store.database.write_bytes(b"no database")
    with pytest.raises(ConfigError, match="MLflow store cannot be used"):
        check_store(store.uri)
    store.database.unlink()
    with pytest.raises(ConfigError, match="no MLflow store here; make reproduce makes one"):
        check_store(store.uri)
    assert not store.database.exists()


@pytest.mark.parametrize("port", ["a", "99999"])
def test_a_port_that_cannot_be_is_one_line(port: str):
    with pytest.raises(ConfigError, match=rf"^PORT={port}: cannot be listened on \(.*\); give another"):
        check_port(port)


def test_a_port_in_use_is_one_line():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        with pytest.raises(ConfigError, match="Address already in use"):
            check_port(str(held.getsockname()[1]))


def test_an_experiment_deleted_in_mlflow_is_named_with_the_command_that_restores_it(store: Store):
    store.track()
    (experiment,) = [one for one in store.client.search_experiments() if one.name == "world"]
    store.client.delete_experiment(experiment.experiment_id)
    way_out = rf"'world' was deleted in MLflow; restore it: .*experiments restore -x {experiment.experiment_id}"
    with pytest.raises(ConfigError, match=way_out):
        store.track()
    store.client.restore_experiment(experiment.experiment_id)
    store.track()
    assert len(store.runs()) == 3


def test_runs_deleted_in_mlflow_are_made_again(store: Store):
    ids = store.track()
    for run in ids.values():
        store.client.delete_run(run)
    assert set(store.track().values()).isdisjoint(ids.values())
    assert len(store.runs()) == 3


@pytest.mark.parametrize(
    ("said", "way_out"),
    [
        ("(sqlite3.OperationalError) attempt to write a readonly database", "let this user write"),
        ("(sqlite3.OperationalError) database is locked", "run again when that has ended"),
        ("(sqlite3.OperationalError) database or disk is full", "free disk space"),
        ("API request to http://x failed with exception", "start that server"),
        ("something else", "move it away, or check"),
    ],
)
def test_every_state_of_a_store_has_its_way_out(said: str, way_out: str):
    with pytest.raises(ConfigError, match=way_out), usable("sqlite:///x"):
        raise MlflowException(said)
