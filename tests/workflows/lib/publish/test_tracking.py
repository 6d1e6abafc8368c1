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
from tests.helpers.analysis_cells import write_cell
from workflows.lib.publish.mlflow_ui import check_port, check_store
from workflows.lib.publish.tracking import track, usable

CELLS = [("base", 0.35), ("grpo", 0.45), ("cepo", 0.55)]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store: making its tables takes MLflow seconds."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    track([], "w", {}, f"sqlite:///{path}", path.parent / "artifacts")
    return path


class Store:
    """Three cells and a store of their own."""

    def __init__(self, root: Path, template: Path) -> None:
        self.database = root / "mlflow.db"
        self.database.write_bytes(template.read_bytes())
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
def store(tmp_path: Path, template: Path) -> Store:
    return Store(tmp_path, template)


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
    assert {file.path for file in store.client.list_artifacts(run.info.run_id)} == {
        "cell.json", "run.json", "train.jsonl", "scores.json",
    }  # fmt: skip
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


def test_a_store_whose_folder_was_moved_is_filled_again(store: Store, tmp_path: Path):
    store.track()
    store.artifacts.rename(tmp_path / "elsewhere")
    store.artifacts = tmp_path / "here"
    store.track()
    assert len(store.runs()) == 3
    (file, *_) = store.client.list_artifacts(store.runs()[0].info.run_id)
    assert (store.artifacts / store.runs()[0].info.run_id / "artifacts" / file.path).exists()
    assert store.track() == store.track()  # and from then on it is left alone


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
