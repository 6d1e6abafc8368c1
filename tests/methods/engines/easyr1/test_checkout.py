"""EasyR1's checkout, cloned from a repository on this disk: the real one cannot be reached by a test."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from contracts.errors import DataError
from methods.engines.easyr1.checkout import checkout, head, lacking


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    return subprocess.run(
        ["git", *who, "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two commits."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for text in ("old", "new"):
        (folder / "file").write_text(text)
        git(folder, "add", "file")
        git(folder, "commit", "--quiet", "-m", text)
    return folder


def test_the_commit_asked_for_is_checked_out_once(repository: Path, tmp_path: Path):
    said: list[str] = []
    first = git(repository, "rev-parse", "HEAD~1").strip()
    for _ in range(2):
        checkout(tmp_path / "EasyR1", said.append, str(repository), first)
    assert (tmp_path / "EasyR1" / "file").read_text() == "old"
    assert said == [f"EasyR1: {first} in {tmp_path}/EasyR1", f"EasyR1: here already, {first}"]
    assert str(lacking(tmp_path / "EasyR1")).startswith(f"{tmp_path}/EasyR1 is at {first}, needed is b44b311")


def test_a_commit_made_after_the_clone_is_fetched(repository: Path, tmp_path: Path):
    checkout(tmp_path / "EasyR1", print, str(repository), git(repository, "rev-parse", "HEAD").strip())
    git(repository, "commit", "--quiet", "--allow-empty", "-m", "newest")
    newest = git(repository, "rev-parse", "HEAD").strip()
    checkout(tmp_path / "EasyR1", print, str(repository), newest)
    assert head(tmp_path / "EasyR1") == newest


def test_a_clone_that_fails_is_one_line(tmp_path: Path):
    with pytest.raises(DataError, match=r"^easyr1.checkout: .*EasyR1: git failed \(.*\); check the network, or clone "):
        checkout(tmp_path / "EasyR1", print, str(tmp_path / "nowhere"))
    assert head(tmp_path) is None
