"""Runs a service in a copy of this process, and in a fresh copy each time one of them was ended. Linux and macOS.

A service that reads what a model wrote is ended by its deadline now and then. A copy made by fork needs no second
import of sympy, which takes a second of processor time.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from methods.shared.lifetimes import end_with_parent


def serve_in_copies(serve: Callable[[], None], ended: Callable[[int], None]) -> None:
    """Run ``serve`` in a copy of this process until it returns.

    When a copy was ended otherwise, ``ended`` is called here with its exit status (negative: a signal), and a new copy
    takes its place. A copy ends with this process.
    """
    while status := _status_of_copy(serve):
        ended(status)


def _status_of_copy(serve: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            end_with_parent(signal.SIGKILL)
            serve()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
