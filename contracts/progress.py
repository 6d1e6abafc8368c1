"""How far a running job is, as a small file that the status lines of a run read."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contracts.files import write_text


@contextmanager
def counting(path: Path) -> Iterator[Callable[[int, int], None]]:
    """Give the block a function ``note(done, total)`` that writes both numbers to ``path`` for the status lines.

    It writes once a second at most. The file is removed when the block ends.
    """
    last = 0.0

    def note(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= 1 or done == total:
            last = time.monotonic()
            write_text(path, json.dumps({"step": done, "of": total}))

    try:
        yield note
    finally:
        path.unlink(missing_ok=True)


def last_record(path: Path) -> dict[str, Any] | None:
    """The last complete JSON line of a file to which a job may still be writing; None if there is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    for line in reversed(lines[-2:]):
        try:
            return json.loads(line)
        except ValueError:
            continue  # the job is writing this line right now
    return None
