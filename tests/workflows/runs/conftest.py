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


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the copies to edit lie, one after the other: what is imported from there is the same in each."""
    return tmp_path_factory.mktemp("edited") / "project"


@pytest.fixture
def project(first_run: tuple[Project, set[str]], place: Path, tmp_path: Path) -> Project:
    """A copy in which everything has run, to edit. Its links point into the cache of the one it was copied from."""
    if place.exists():
        place.rename(tmp_path / "copy_of_the_test_before")
    shutil.copytree(first_run[0].root, place, symlinks=True)
    return Project(place)
