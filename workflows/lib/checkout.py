"""The checkout of EasyR1 that the engine easyr1 runs, unmodified, at one commit."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from workflows.lib.config import EasyR1
from workflows.lib.errors import DataError


def checkout(easyr1: EasyR1, say: Callable[[str], None]) -> None:
    """Clone EasyR1 at the commit the engine was written for, unless it is there. Raises DataError if git cannot."""
    folder = Path(easyr1.folder).expanduser()
    if head(folder) == easyr1.commit:
        say(f"EasyR1: here already, {easyr1.commit}")
        return
    if not (folder / ".git").is_dir():
        _git(easyr1, "clone", "--quiet", "--no-checkout", easyr1.repository, str(folder))
    if not _known(folder, easyr1.commit):
        _git(easyr1, "-C", str(folder), "fetch", "--quiet", "origin", easyr1.commit)
    _git(easyr1, "-C", str(folder), "checkout", "--quiet", "--detach", easyr1.commit)
    say(f"EasyR1: {easyr1.commit} in {folder}")


def head(folder: Path) -> str | None:
    """Commit that is checked out in a folder; None if it is no checkout of its own."""
    if not (folder / ".git").exists():
        return None
    done = subprocess.run(["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True)  # noqa: S603, S607
    return done.stdout.strip() if done.returncode == 0 else None


def _known(folder: Path, commit: str) -> bool:
    asked = ["git", "-C", str(folder), "cat-file", "-e", f"{commit}^{{commit}}"]
    return subprocess.run(asked, capture_output=True).returncode == 0  # noqa: S603


def _git(easyr1: EasyR1, *arguments: str) -> None:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True)  # noqa: S603, S607
    if done.returncode != 0:
        cause = f"git {arguments[0]} failed ({' '.join(done.stderr.split())[:200]})"
        way_out = f"check the network, or clone {easyr1.repository} at {easyr1.commit[:7]} there yourself"
        raise DataError(f"easyr1: {easyr1.folder}", cause, way_out)
