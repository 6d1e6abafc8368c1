"""What tests of the tracker share."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflows.lib.publish.tracking import track


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without runs, to be copied: making its tables takes MLflow seconds."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    track([], "world", {}, f"sqlite:///{path}", path.parent / "artifacts")
    return path
