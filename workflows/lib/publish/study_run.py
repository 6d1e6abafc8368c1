"""One run of the tracker, ``study``, with what all cells together gave: tables, figures and the report."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mlflow.tracking import MlflowClient

from contracts.files import write_text
from evals.analysis.report.page import build
from workflows.lib.publish.known_runs import KnownRuns
from workflows.lib.publish.tracking import CONTENT, experiment_of, log_files, usable

NAME = "study"
KINDS = ("tables", "figures")
NOTE = "Tables, figures and report/report.html, which holds them all: tab Artifacts. Made by the last run. Files: {}"


def track_study(results: Path, experiment: str, uri: str, artifacts: Path) -> str:
    """Make the store ``uri`` hold the tables, figures and the report of ``results``; returns the id of the run.

    The run keeps its id; its files are replaced where they changed. ConfigError for a store that cannot be used.
    """
    files = {kind: sorted(path for path in (results / kind).glob("*.*") if path.is_file()) for kind in KINDS}
    files["report"] = [write_text(results / "report" / "report.html", build(results))]
    content = hashlib.sha256(b"".join(path.read_bytes() for paths in files.values() for path in paths)).hexdigest()
    with KnownRuns(uri).keeping(), usable(uri):
        client = MlflowClient(uri)
        store = experiment_of(client, experiment)
        found = client.search_runs([store], filter_string=f"tags.`mlflow.runName` = '{NAME}'", max_results=1)
        run = found[0] if found else client.create_run(store, run_name=NAME)
        id = run.info.run_id
        if run.data.tags.get(CONTENT) != content:
            for kind, paths in files.items():
                log_files(client, id, paths, artifacts, kind)
            client.set_tag(id, "mlflow.note.content", NOTE.format(results))
            client.set_terminated(id, "FINISHED")
            client.set_tag(id, CONTENT, content)
        return id
