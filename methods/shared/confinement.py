"""Limits of a process that reads what a model wrote: processor time, memory, nothing outside of itself. No torch.

Libraries that compare answers evaluate them as expressions. Such an expression can compute for ever (9**9**9), fill the
memory, or in principle call anything that Python can call. So it is read in a process that is ended when it takes too
long, and that ends itself when it tries to write a file, to start a program or to reach the network.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = 2 * 1024**3  # bytes of address space beyond what the process has when it is confined
LEFT = 3  # exit status of a process that tried to do more than compute
READING = ("os.listdir", "os.scandir")  # what an import of a module does
OUTSIDE = ("os.", "subprocess.", "socket.", "shutil.", "ctypes.", "pty.", "fcntl.", "syslog.", "tempfile.")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def confine() -> None:
    """From now on this process may compute and read files; anything else ends it with status :data:`LEFT`.

    It cannot be undone. An allocation beyond :data:`MEMORY` raises MemoryError.
    """
    sys.dont_write_bytecode = True
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for limit, value in ((resource.RLIMIT_AS, used + MEMORY), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (value, value))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business; its end closes our input
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    sys.addaudithook(_refuse)


def print_nowhere() -> None:
    """From now on this process's stdout and stderr are /dev/null; call it before :func:`confine`.

    What it prints is no reply then; and stdout may be a file, of which a confined process may not write a byte.
    """
    nowhere = open(os.devnull, "w")  # noqa: PTH123, SIM115 - open as long as this process runs
    for descriptor in (1, 2):
        os.dup2(nowhere.fileno(), descriptor)
    sys.stdout = sys.stderr = nowhere


@contextmanager
def processor_time(seconds: float) -> Iterator[None]:
    """Within this block the process may use ``seconds`` of processor time; then the kernel ends it with SIGPROF.

    Time on the wall does not count: a busy machine must not decide what an answer is worth.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)


def _refuse(event: str, arguments: tuple) -> None:
    """Python's audit hook: see https://docs.python.org/3/library/audit_events.html for the names of events."""
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES
    if writes or (event.startswith(OUTSIDE) and event not in READING):
        os._exit(LEFT)
