"""Snakemake's lock of a folder, so that it ends with the run that holds it and that two runs cannot both take it.

Snakemake's lock is a list of files in ``.snakemake/locks``. A run that is killed leaves it there; two runs that start
in the same second both find none; and a run that ends removes the locks of all others. Here every run also holds a lock
of the operating system, which ends with its process: where nobody holds one, the files are left over.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from snakemake.persistence.file import FilePersistence

LEFT_OVER = "A killed run left its lock; no run is alive here, so the lock is removed and this run goes on."
HOST = socket.gethostname()


@contextmanager
def alive(runs: Path) -> Iterator[None]:
    """Hold the lock that says that this process runs, in the folder ``runs``."""
    path = runs / f"{HOST}.{os.getpid()}.lock"
    with FileLock(path):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def others_alive(runs: Path) -> bool:
    """Whether a run holds a lock in ``runs``. One of another host counts as alive: from here that cannot be told."""
    return any(_held(path) for path in sorted(runs.glob("*.*.lock")))


def _held(path: Path) -> bool:
    if path.name.rsplit(".", 2)[0] != HOST:
        return True
    try:
        with FileLock(path, timeout=0):
            path.unlink(missing_ok=True)  # its run is gone
    except Timeout:
        return True
    return False


def use_run_locks() -> None:
    """Make Snakemake lock so, in this process."""
    FilePersistence.lock = _lock  # pyright: ignore[reportAttributeAccessIssue] - a function that makes a context, too
    FilePersistence.cleanup_locks = _remove_all  # pyright: ignore[reportAttributeAccessIssue]
    FilePersistence._delete_locks = _remove_own  # pyright: ignore[reportAttributeAccessIssue]


@contextmanager
def _lock(store: Any, theirs: Any = FilePersistence.lock) -> Iterator[None]:  # noqa: ANN401
    runs = _runs(store)
    runs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        with FileLock(runs / "starting"):  # one run at a time looks and locks
            if store.locked and not others_alive(runs):
                _remove_all(store)
                print(LEFT_OVER, file=sys.stderr)
            held.enter_context(alive(runs))
            held.enter_context(theirs(store))
        yield


def _remove_all(store: Any) -> None:  # noqa: ANN401
    """What ``snakemake --unlock`` does: no run counts as alive afterwards."""
    for path in (*Path(store._lockdir).glob("*.lock"), *_runs(store).glob("*.lock")):
        path.unlink(missing_ok=True)


def _remove_own(store: Any) -> None:  # noqa: ANN401
    for path in store._lockfile.values():
        Path(path).unlink(missing_ok=True)
    store._lockfile.clear()


def _runs(store: Any) -> Path:  # noqa: ANN401
    return Path(store.path) / "runs"
