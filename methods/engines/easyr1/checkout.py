"""The checkout of EasyR1 that the engine easyr1 runs, unmodified, at one commit."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from contracts.errors import DataError

REPOSITORY = "https://github.com/hiyouga/EasyR1"
COMMIT = "b44b311b669bf1fd1aa2fc36f2251482ba33cb16"  # of 2026-07-30, the one the engine was written for


def checkout(folder: Path, say: Callable[[str], None], repository: str = REPOSITORY, commit: str = COMMIT) -> None:
    """Clone EasyR1 at the commit the engine was written for, unless it is there. Raises DataError if git cannot."""
    if head(folder) == commit:
        say(f"EasyR1: here already, {commit}")
        return
    if not (folder / ".git").is_dir():
        _git(folder, "clone", "--quiet", "--no-checkout", repository, str(folder))
    if not _known(folder, commit):
        _git(folder, "-C", str(folder), "fetch", "--quiet", "origin", commit)
    _git(folder, "-C", str(folder), "checkout", "--quiet", "--detach", commit)
    say(f"EasyR1: {commit} in {folder}")


def lacking(folder: Path) -> str | None:
    """Why the engine cannot use a checkout; None if it can."""
    commit = head(folder)
    if commit == COMMIT:
        return None
    return f"{folder} is at {commit}, needed is {COMMIT}" if commit else f"{folder} is no checkout of EasyR1"


def head(folder: Path) -> str | None:
    """Commit that is checked out in a folder; None if it is no checkout of its own."""
    if not (folder / ".git").exists():
        return None
    done = subprocess.run(["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True)  # noqa: S603, S607
    return done.stdout.strip() if done.returncode == 0 else None


def _known(folder: Path, commit: str) -> bool:
    asked = ["git", "-C", str(folder), "cat-file", "-e", f"{commit}^{{commit}}"]
    return subprocess.run(asked, capture_output=True).returncode == 0  # noqa: S603


def _git(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True)  # noqa: S603, S607
    if done.returncode != 0:
        cause = f"git failed ({' '.join(done.stderr.split())[:200]})"
        way_out = f"check the network, or clone {REPOSITORY} there yourself, at {COMMIT}"
        raise DataError(f"easyr1.checkout: {folder}", cause, way_out)
