"""Copies finished cells and measured gradients into MLflow: one writer, one run per digest, however often called.

In a store that is a file (SQLite) no path is absolute: artifacts are named ``mlflow-artifacts:/...`` and lie beside it,
in the folder ``mlflow``, which ``make ui`` serves. So a results folder can be copied or moved.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from contracts.errors import ConfigError
from evals.analysis.cells import CellFolder
from workflows.lib.publish.experiment_page import EXPERIMENT_TAGS
from workflows.lib.publish.gradient_measures import gradient_runs
from workflows.lib.publish.known_runs import KnownRuns, noted
from workflows.lib.publish.measures import cell_run
from workflows.lib.publish.tracked_run import TrackedRun

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported

from alembic.util import CommandError
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

DIGEST, CONTENT = "cell_digest", "content_digest"  # tags: which cell or measurement, and which state of its files
BATCH = 1000  # MLflow's limit of metrics per call
OTHER_VERSION = ("out-of-date database schema", "Can't locate revision", "no such column")
STATES = {  # what MLflow, SQLAlchemy or Alembic say of a store -> the way out
    **dict.fromkeys(OTHER_VERSION, "move it away, it is made again from the results; or back it up: mlflow db upgrade"),
    "readonly database": "let this user write to the file and to its folder",
    "database is locked": "another process writes to it; run again when that has ended",
    "unable to open database": "let this user write to its folder, or check MLFLOW_TRACKING_URI",
    "database or disk is full": "free disk space and run again",
    "disk I/O error": "free disk space or check the disk, and run again",
    "API request to": "start that server, or correct MLFLOW_TRACKING_URI",
    "not in the active lifecycle stage": "restore the run in MLflow's page, or run again",
}
SERVED = "mlflow-artifacts:"  # scheme of artifacts that MLflow's server finds below its --artifacts-destination
Known = Mapping[str, tuple[str, dict[str, str]]]  # digest -> run id, tags


def track(
    folders: Sequence[Path], experiment: str, membership: Mapping[str, Sequence[str]], uri: str, artifacts: Path,
    measured: Path | None = None,
) -> dict[str, str]:  # fmt: skip
    """Make the store ``uri`` hold one run per cell folder, and one per policy whose gradients lie below ``measured``.

    Returns name -> run id. A run is found again by its digest. It keeps its id while its files are the same, whatever
    experiment a cell belongs to, and is replaced if they changed. ``membership``: experiment -> names of its cells;
    ``artifacts``: the folder of artifacts of a store that is a file. Raises ConfigError for an unusable store.
    """
    members = {name: frozenset(cells) for name, cells in membership.items()}
    with KnownRuns(uri).keeping() as known, usable(uri):
        client = MlflowClient(uri)
        store = experiment_of(client, experiment)
        found, ids = dict(_runs(client, store)), {}
        for run in _tracked(folders, members, measured):
            ids[run.name] = _upsert(client, store, run, found, artifacts)
            known[run.digest] = noted(run)
    return ids


def _tracked(
    folders: Sequence[Path], members: Mapping[str, frozenset[str]], measured: Path | None
) -> Iterator[TrackedRun]:
    for cell in map(CellFolder, folders):
        yield cell_run(cell, [name for name, cells in members.items() if cell.cell.name in cells])
    if measured is not None:
        yield from gradient_runs(measured)


@contextmanager
def usable(uri: str) -> Iterator[None]:
    """Within this block what MLflow, SQLAlchemy or Alembic say about the store ``uri`` is a ConfigError of one line."""
    try:
        yield
    except (MlflowException, SQLAlchemyError, CommandError) as error:
        raise _unusable(uri, str(error)) from error


def _unusable(uri: str, message: str) -> ConfigError:
    """The error for a store that MLflow refuses, SQLAlchemy cannot open or Alembic does not know."""
    cause = re.split(r"\. |\n", message.strip())[0][:200]
    for sign, way_out in STATES.items():
        if sign in message:
            what = "of another version" if sign in OTHER_VERSION else "cannot be used"
            return ConfigError(uri, f"MLflow store {what} ({cause})", way_out)
    return ConfigError(uri, f"MLflow store cannot be used ({cause})", "move it away, or check MLFLOW_TRACKING_URI")


def experiment_of(client: MlflowClient, name: str) -> str:
    """Id of an experiment, which is made if there is none. ConfigError if it was deleted in MLflow."""
    found = client.get_experiment_by_name(name)
    if found is not None and found.lifecycle_stage != "active":
        uri = client.tracking_uri
        restore = f"MLFLOW_TRACKING_URI={uri} .venv/bin/mlflow experiments restore -x {found.experiment_id}"
        raise ConfigError(uri, f"its experiment '{name}' was deleted in MLflow", f"restore it: {restore}")
    if found is not None:
        store, tags = found.experiment_id, found.tags
    else:
        served = f"{SERVED}/runs" if is_file(client.tracking_uri) else None  # a server knows its own place
        store, tags = client.create_experiment(name, artifact_location=served), {}
    for key, value in EXPERIMENT_TAGS.items():
        if tags.get(key) != value:
            client.set_experiment_tag(store, key, value)
    return store


def is_file(uri: str) -> bool:
    """Whether a store is a file on this machine."""
    return uri.startswith("sqlite:")


def log_files(client: MlflowClient, run: str, files: Sequence[Path], artifacts: Path, folder: str = "") -> None:
    """Add files to the artifacts of a run, below ``folder``."""
    place = client.get_run(run).info.artifact_uri or ""
    for file in files:
        if place.startswith(SERVED):
            target = artifacts / place.removeprefix(SERVED).strip("/") / folder
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / file.name)
        else:
            client.log_artifact(run, str(file), folder or None)


def _runs(client: MlflowClient, experiment: str) -> Iterator[tuple[str, tuple[str, dict[str, str]]]]:
    """Every active run: digest -> run id and tags."""
    token = None
    while True:
        page = client.search_runs([experiment], max_results=BATCH, page_token=token)
        for run in page:
            if DIGEST in run.data.tags:
                yield run.data.tags[DIGEST], (run.info.run_id, run.data.tags)
        token = page.token
        if not token:
            return


def _upsert(client: MlflowClient, experiment: str, tracked: TrackedRun, known: Known, artifacts: Path) -> str:
    tags = dict(tracked.tags) | {DIGEST: tracked.digest}
    content = tracked.content
    run, seen = known.get(tracked.digest, (None, {}))
    if run is not None and seen.get(CONTENT) == content:
        for key, value in tags.items():
            if seen.get(key) != value:
                client.set_tag(run, key, value)
        return run
    if run is not None:
        client.delete_run(run)
    run = _create(client, experiment, tracked, tags)
    log_files(client, run, tracked.files, artifacts)
    client.set_tag(run, CONTENT, content)  # last: a run without it was not finished and is replaced next time
    return run


def _create(client: MlflowClient, experiment: str, tracked: TrackedRun, tags: dict[str, str]) -> str:
    start = tracked.started()
    run = client.create_run(experiment, start_time=start, tags=tags, run_name=tracked.name).info.run_id
    client.log_batch(run, params=[Param(key, value) for key, value in tracked.params().items()])
    sources = [
        DatasetInput(Dataset(**dataset), [InputTag("mlflow.data.context", use)])
        for use, dataset in tracked.datasets().items()
    ]
    client.log_inputs(run, sources)
    metrics = [
        Metric(point.key, point.value, start + round(1000 * point.second), point.step) for point in tracked.points()
    ]
    for first in range(0, len(metrics), BATCH):
        client.log_batch(run, metrics=metrics[first : first + BATCH])
    client.set_terminated(run, "FINISHED", end_time=start + round(1000 * tracked.seconds))
    return run
