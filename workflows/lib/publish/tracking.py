"""Copies finished cells and measured gradients into MLflow: one writer, one run per digest, however often called."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from contracts.errors import ConfigError
from evals.analysis.cells import CellFolder
from workflows.lib.publish.gradient_measures import gradient_runs
from workflows.lib.publish.measures import cell_run
from workflows.lib.publish.tracked_run import TrackedRun

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported

from alembic.util import CommandError
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

DIGEST, CONTENT = "cell_digest", "content_digest"  # tags: which cell or measurement, and which state of its files
BATCH = 1000  # MLflow's limit of metrics per call
OTHER_VERSION = ("out-of-date database schema", "Can't locate revision", "no such column")
Known = Mapping[str, tuple[str, str | None]]  # digest -> run id, content digest


def track(
    folders: Sequence[Path], experiment: str, membership: Mapping[str, Sequence[str]], uri: str, artifacts: Path,
    measured: Path | None = None,
) -> dict[str, str]:  # fmt: skip
    """Make the store ``uri`` hold one run per cell folder, and one per policy whose gradients lie below ``measured``.

    Returns name -> run id. A run is found again by its digest. It is left alone if its files are the same, and replaced
    if they changed. ``membership``: experiment -> names of its cells. Raises ConfigError for a store that cannot be
    used.
    """
    members = {name: frozenset(cells) for name, cells in membership.items()}
    with usable(uri):
        client = MlflowClient(uri)
        store = _experiment(client, experiment, artifacts)
        known = dict(_runs(client, store))
        return {run.name: _upsert(client, store, run, known) for run in _tracked(folders, members, measured)}


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
    if any(sign in message for sign in OTHER_VERSION):
        way_out = "move it away, it is made again from the results; or back it up and run: mlflow db upgrade"
        return ConfigError(uri, f"MLflow store of another version ({cause})", way_out)
    return ConfigError(uri, f"MLflow store cannot be used ({cause})", "move it away, or check MLFLOW_TRACKING_URI")


def _experiment(client: MlflowClient, name: str, artifacts: Path) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return found.experiment_id
    return client.create_experiment(name, artifact_location=artifacts.absolute().as_uri())


def _runs(client: MlflowClient, experiment: str) -> Iterator[tuple[str, tuple[str, str | None]]]:
    """Every active run: digest -> run id and content digest."""
    token = None
    while True:
        page = client.search_runs([experiment], max_results=BATCH, page_token=token)
        for run in page:
            if DIGEST in run.data.tags:
                yield run.data.tags[DIGEST], (run.info.run_id, run.data.tags.get(CONTENT))
        token = page.token
        if not token:
            return


def _upsert(client: MlflowClient, experiment: str, tracked: TrackedRun, known: Known) -> str:
    tags = dict(tracked.tags) | {DIGEST: tracked.digest}
    state = repr(sorted(tags.items())).encode() + b"".join(f.read_bytes() for f in tracked.files) + tracked.more
    content = hashlib.sha256(state).hexdigest()
    run, seen = known.get(tracked.digest, (None, None))
    if run is not None and seen == content:
        return run
    if run is not None:
        client.delete_run(run)
    run = _create(client, experiment, tracked, tags)
    for file in tracked.files:
        client.log_artifact(run, str(file))
    client.set_tag(run, CONTENT, content)  # last: a run without it was not finished and is replaced next time
    return run


def _create(client: MlflowClient, experiment: str, tracked: TrackedRun, tags: dict[str, str]) -> str:
    start = tracked.started()
    run = client.create_run(experiment, start_time=start, tags=tags, run_name=tracked.name).info.run_id
    client.log_batch(run, params=[Param(key, value) for key, value in tracked.params().items()])
    metrics = [
        Metric(point.key, point.value, start + round(1000 * point.second), point.step) for point in tracked.points()
    ]
    for first in range(0, len(metrics), BATCH):
        client.log_batch(run, metrics=metrics[first : first + BATCH])
    client.set_terminated(run, "FINISHED", end_time=start + round(1000 * tracked.seconds))
    return run
