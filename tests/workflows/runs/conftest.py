"""Fixtures of the DAG's tests: copies of the project in which nothing or everything has run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.helpers.copies import Project, copy_project


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy in which nothing has run; not to be changed."""
    return copy_project(tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, set[str]]:
    """A copy in which everything has run, not to be changed, and the jobs that ran."""
    project = copy_project(tmp_path_factory.mktemp("finished"))
    return project, project.run()


@pytest.fixture
def project(first_run: tuple[Project, set[str]], tmp_path: Path) -> Project:
    """A copy in which everything has run, to edit. Its links point into the cache of the one it was copied from."""
    shutil.copytree(first_run[0].root, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")
