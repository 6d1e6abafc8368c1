"""Where MLflow's store of a results folder is. Imports no MLflow, which takes seconds."""

from __future__ import annotations

import os
from pathlib import Path

SQLITE = "sqlite:///"


def store_of(results: Path) -> str:
    """URI of the store of a results folder: ``MLFLOW_TRACKING_URI`` if that is set, else a file in the folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{results}/mlflow.db"


def database_of(uri: str) -> Path | None:
    """The file of the store ``uri``; None if it is no file on this machine."""
    return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None
