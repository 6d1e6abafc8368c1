"""Copies finished cells into MLflow: one writer, one run per cell digest, however often it is called."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from contracts.errors import ConfigError
from evals.analysis.cells import CellFolder
from workflows.lib.publish.measures import params_of, points_of, started_at, tags_of

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported

from alembic.util import CommandError
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

FILES = ("cell.json", "run.json", "train.jsonl", "eval/scores.json")
DIGEST, CONTENT = "cell_digest", "content_digest"  # tags: which cell, and which state of its files
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
Known = Mapping[str, tuple[str, str | None]]  # cell digest -> run id, content digest


def track(
    folders: Sequence[Path], experiment: str, membership: Mapping[str, Sequence[str]], uri: str, artifacts: Path
) -> dict[str, str]:
    """Make the store ``uri`` hold one run per cell folder; returns cell name -> run id.

    A run is found again by the digest of its cell. It is left alone if the cell's files are the same, and replaced if
    they changed. ``membership``: experiment -> names of its cells. Raises ConfigError for a store that cannot be used.
    """
    members = {name: frozenset(cells) for name, cells in membership.items()}
    with usable(uri):
        client = MlflowClient(uri)
        store = _experiment(client, experiment, artifacts, uri)
        known = dict(_runs(client, store))
        return dict(_upsert(client, store, CellFolder(folder), members, known) for folder in folders)


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


def _experiment(client: MlflowClient, name: str, artifacts: Path, uri: str) -> str:
    """Id of the experiment, made if there is none. ConfigError if it was deleted in MLflow.

    MLflow cannot change where an experiment keeps its files. One whose folder was moved away is put aside, deleted but
    to be restored, and its runs are made again from the results.
    """
    found = client.get_experiment_by_name(name)
    if found is not None and found.lifecycle_stage != "active":
        restore = f"MLFLOW_TRACKING_URI={uri} .venv/bin/mlflow experiments restore -x {found.experiment_id}"
        raise ConfigError(uri, f"its experiment '{name}' was deleted in MLflow", f"restore it: {restore}")
    wanted = artifacts.absolute().as_uri()
    if found is not None and (found.artifact_location == wanted or not _is_gone(found.artifact_location)):
        return found.experiment_id
    if found is not None:
        client.rename_experiment(found.experiment_id, f"{name}, files in {found.artifact_location}")
        client.delete_experiment(found.experiment_id)
    return client.create_experiment(name, artifact_location=wanted)


def _is_gone(location: str) -> bool:
    """Whether a place for files is a folder of this machine that does not exist any more."""
    place = urlsplit(location)
    return place.scheme in ("", "file") and not Path(url2pathname(place.path)).exists()


def _runs(client: MlflowClient, experiment: str) -> Iterator[tuple[str, tuple[str, str | None]]]:
    """Every active run of a cell: digest -> run id and content digest."""
    token = None
    while True:
        page = client.search_runs([experiment], max_results=BATCH, page_token=token)
        for run in page:
            if DIGEST in run.data.tags:
                yield run.data.tags[DIGEST], (run.info.run_id, run.data.tags.get(CONTENT))
        token = page.token
        if not token:
            return


def _upsert(
    client: MlflowClient, experiment: str, cell: CellFolder, members: Mapping[str, frozenset[str]], known: Known
) -> tuple[str, str]:
    name = cell.cell.name
    tags = tags_of(cell) | {f"experiment/{e}": "true" for e, cells in members.items() if cell.cell.name in cells}
    files = [cell.path / file for file in FILES if (cell.path / file).exists()]
    content = hashlib.sha256(repr(sorted(tags.items())).encode() + b"".join(f.read_bytes() for f in files)).hexdigest()
    run, seen = known.get(cell.cell.digest, (None, None))
    if run is not None and seen == content:
        return name, run
    if run is not None:
        client.delete_run(run)
    run = _create(client, experiment, cell, tags)
    for file in files:
        client.log_artifact(run, str(file))
    client.set_tag(run, CONTENT, content)  # last: a run without it was not finished and is replaced next time
    return name, run


def _create(client: MlflowClient, experiment: str, cell: CellFolder, tags: Mapping[str, str]) -> str:
    start = started_at(cell)
    run = client.create_run(experiment, start_time=start, tags=dict(tags), run_name=cell.cell.name).info.run_id
    client.log_batch(run, params=[Param(key, value) for key, value in params_of(cell).items()])
    metrics = [
        Metric(point.key, point.value, start + round(1000 * point.second), point.step) for point in points_of(cell)
    ]
    for first in range(0, len(metrics), BATCH):
        client.log_batch(run, metrics=metrics[first : first + BATCH])
    wall = cell.run.wall_seconds if cell.run is not None else 0.0
    client.set_terminated(run, "FINISHED", end_time=start + round(1000 * wall))
    return run
