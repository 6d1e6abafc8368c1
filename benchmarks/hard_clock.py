"""A clock that jumps, for the processes of a run, and files with times of any year; for hard_times.py."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

LIBRARY = "libfaketime.so.1"
NAMED = "FAKETIME_LIBRARY"  # variable with its path, where it lies elsewhere
PLACES = (os.environ.get(NAMED, ""), f"/usr/lib/x86_64-linux-gnu/faketime/{LIBRARY}", f"/usr/lib/faketime/{LIBRARY}")
DAY = 86_400
PATCH = """
import time
from pathlib import Path
_real = time.time
time.time = lambda: _real() + 86400 * float(Path({path!r}).read_text())
"""


def jumping_clock(file: Path, days: float) -> tuple[Callable[[float], None], dict[str, str], str]:
    """A function that sets the clock so many days off, the environment in which it holds, and how it is done.

    By libfaketime where it is installed, for all that asks the time; else for Python's ``time.time`` alone.
    """
    library = next((place for place in PLACES if place and Path(place).exists()), None)
    if library is None:
        site = file.with_name("site")
        site.mkdir()
        (site / "sitecustomize.py").write_text(PATCH.format(path=str(file)))

    def jump(days: float) -> None:
        temporary = file.with_suffix(".tmp")
        temporary.write_text(f"{days * DAY:+.0f}s\n" if library else str(days))
        temporary.replace(file)

    jump(days)
    if library is None:
        return jump, {"PYTHONPATH": str(file.with_name("site"))}, "time.time of Python"
    faked = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1"}
    return jump, faked | {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}, "libfaketime"


def set_file_times(folder: Path, draw: random.Random) -> None:
    """Give every file and folder below ``folder`` a time within 20 years of now, also in the future."""
    for path in sorted(folder.rglob("*")):
        when = time.time() + draw.uniform(-20, 20) * 365 * DAY
        os.utime(path, (when, when), follow_symlinks=False)
