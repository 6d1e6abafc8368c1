"""Processes of graders that outlive their grader, because each needs a second of a core to import what it grades with.

A cell that is trained has a grader of its own. Tests that train dozens of cells use these processes one after the
other; the verdicts are kept by the graders and not by the processes, so no cell sees anything of another one.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from methods.shared.rewards import Grader

_idle: dict[float, list[subprocess.Popen[str]]] = {}  # by the deadline they were started with


@contextmanager
def kept_processes() -> Iterator[None]:
    """Within this context a grader that closes in good order leaves its process to the next one of its deadline."""
    start = Grader._running_worker

    def running(grader: Grader) -> subprocess.Popen[str]:
        idle = _idle.get(grader.deadline)
        if grader._worker is None and idle:
            grader._worker = idle.pop()
        return start(grader)

    def leave(grader: Grader, *exception: object) -> None:
        worker = grader._worker
        if worker is not None and worker.poll() is None and exception == (None, None, None):
            _idle.setdefault(grader.deadline, []).append(worker)
            grader._worker = None
        grader.close()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Grader, "_running_worker", running)
        patched.setattr(Grader, "__exit__", leave)
        yield


def forget_processes() -> None:
    """Leave the processes to the process that started them: for a fork of it, which needs its own."""
    _idle.clear()
