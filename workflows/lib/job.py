"""What every script does around its one call: keep a log, hold GPUs, and show an error as one line."""

from __future__ import annotations

import errno
import gc
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from contracts.errors import DataError, UserError
from methods.shared.lifetimes import end_with_parent
from workflows.lib.machine.gpus import gpu_slots

WAYS_OUT = {
    errno.ENOSPC: "free disk space, or set results_dir to another disk; finished work is kept",
    errno.EDQUOT: "free disk space, or set results_dir to another disk; finished work is kept",
    errno.EROFS: "set results_dir to a folder that can be written",
    errno.EACCES: "change its permissions, or set results_dir to a folder that can be written",
}
# New objects between two searches of Python's garbage collector, 700 by default. torch, transformers and lmms-eval make
# a million while they are imported, none of them garbage; the searches took a tenth of the imports' time.
OBJECTS_BEFORE_COLLECTION = 100_000
PART = re.compile(r"(:\d+|,? ?:? row \d+.*)$")  # where in a file: a line, or a row


@contextmanager
def job(log: Path | str, name: str, gpus: int = 0) -> Iterator[Callable[[str], None]]:
    """Run a block with all its output in ``log``. A failure is one line on stderr; the traceback is in the log.

    Exits with status 1 after a failure. ``name`` says what failed if the error itself does not. The block has ``gpus``
    GPUs of this machine for itself, and is given a function that also shows a line to the user.
    """
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
    end_with_parent()  # a run killed with -9 leaves no job behind that would write beside the next run's
    stderr = os.dup(2)

    def say(line: str) -> None:
        os.write(stderr, f"{line}\n".encode())
        print(line)

    with _redirected(Path(log)):
        started = time.perf_counter()
        try:
            with gpu_slots(gpus):
                yield say
        except Exception as error:
            line = one_line(error, name, log)
            os.write(stderr, f"{line}\n".encode())
            with suppress(OSError):  # a full disk must not hide the line above
                traceback.print_exc()
                print(line)
            raise SystemExit(1) from None
        print(f"{name}: done in {time.perf_counter() - started:.1f} s")
    gc.freeze()  # as Python ends, it would search all objects for garbage again, 0.8 s where torch was imported


def one_line(error: Exception, name: str, log: Path | str) -> str:
    """A failure as ``Kind: place: cause; way out``."""
    error = _full_disk(error) or error
    if isinstance(error, UserError):
        return f"{type(error).__name__}: {error}{_to_make_again(error)}"
    if isinstance(error, OSError) and error.errno in WAYS_OUT:
        return f"DataError: {DataError(error.filename or name, str(error.strerror), WAYS_OUT[error.errno])}"
    cause = " ".join(f"{type(error).__name__}: {error}".split())
    return f"Error: {name}: {cause[:300]}; this is a defect, the traceback is in {log}"


def _full_disk(error: Exception) -> OSError | None:
    """Return the error of a full disk that caused ``error``, if there is one.

    Libraries write to the log while they read a file. If the disk is full, they then call that file broken.
    """
    if not (isinstance(error, UserError) and error.delete_and_rerun):
        return None
    cause = error.__cause__
    return cause if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT) else None


def _to_make_again(error: UserError) -> str:
    """Say which broken file to delete so that it is made again; one in the cache, or the cache would restore it."""
    path = Path(PART.sub("", error.place))
    if not error.delete_and_rerun or not path.exists():
        return ""
    links = [file for file in path.iterdir() if file.is_symlink()] if path.is_dir() else []
    return f": delete {links[0].resolve().parent if links else path.resolve()} and give the same command"


@contextmanager
def _redirected(log: Path) -> Iterator[None]:
    """Send the process's stdout and stderr, also those of libraries in C, to ``log``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    kept = [os.dup(1), os.dup(2)]
    with log.open("ab", buffering=0) as file:
        try:
            _flush_and_point(file.fileno(), file.fileno())
            yield
        finally:
            _flush_and_point(*kept)
            for descriptor in kept:
                os.close(descriptor)


def _flush_and_point(stdout: int, stderr: int) -> None:
    with suppress(OSError):  # a log on a full disk loses lines, no more
        sys.stdout.flush()
        sys.stderr.flush()
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
