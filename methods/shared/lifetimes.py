"""Processes end with those that started them, however these end. Linux only; elsewhere nothing is done.

``end_with_parent`` is for a process itself. vLLM starts further processes that cannot be made to call it: for those
``end_children_with_this`` starts a guard, which kills the process group when this process is gone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time

SIGNAL_OF_PARENT = 1  # PR_SET_PDEATHSIG of prctl
GUARD_LOOKS = 1.0  # seconds between two looks of the guard, which sleeps until a signal otherwise


def end_with_parent(by: signal.Signals = signal.SIGTERM) -> None:
    """Let Linux end this process, by the signal ``by``, when the one that started it is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SIGNAL_OF_PARENT, by)


def end_children_with_this() -> None:
    """Make this process the head of a group, and start a guard that kills the group once this process has ended.

    Call it before any child is started: children inherit the group.
    """
    if sys.platform != "linux":
        return
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    command = [sys.executable, "-P", "-m", "methods.shared.lifetimes", str(os.getpid())]
    subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL)  # noqa: S603


def guard(head: int) -> None:
    """Wait until the process ``head``, this one's parent, has ended; then kill all that is left of its group."""
    while os.getppid() == head:
        time.sleep(GUARD_LOOKS)
    try:
        os.killpg(head, signal.SIGKILL)
    except ProcessLookupError:
        return  # nobody was left


if __name__ == "__main__":
    guard(int(sys.argv[1]))
