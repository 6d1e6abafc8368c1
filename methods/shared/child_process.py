"""What a process does that another one started. No torch."""

from __future__ import annotations

import ctypes
import signal
import sys

DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux' prctl


def end_with_parent() -> None:
    """Let Linux end this process when the one that started it is gone, so that no model stays in memory."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGTERM)
