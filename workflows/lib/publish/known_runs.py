"""Which runs MLflow's store is known to hold, so that ``make cell`` need not open a store that nobody has changed.

Importing MLflow and opening its store take seven seconds of a core. What was copied is noted beside the store. The note
counts only while the store's file is the same one, with the same time and size: whoever writes to it voids the note.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.files import write_text
from workflows.lib.mlflow_store import database_of
from workflows.lib.publish.tracked_run import TrackedRun

Noted = dict[str, Any]  # of a run: ``content`` and ``tags``


def noted(run: TrackedRun) -> Noted:
    """What is noted of a run."""
    return {"content": run.content, "tags": dict(run.tags)}


@dataclass(frozen=True)
class KnownRuns:
    """The note of one store. A store that is no file on this machine has none: every run counts as unknown."""

    uri: str

    def holds(self, run: TrackedRun) -> bool:
        """Whether the store certainly holds this run, with these files and at least these tags."""
        known = self._read().get(run.digest, {})
        return known.get("content") == run.content and dict(run.tags).items() <= known.get("tags", {}).items()

    @contextmanager
    def keeping(self) -> Iterator[dict[str, Noted]]:
        """What is known of the store, by digest, while the block writes to it; what the block adds is noted too."""
        runs, database = self._read(), database_of(self.uri)
        yield runs
        if database is not None and database.is_file() and os.access(database.parent, os.W_OK):
            write_text(_note(database), json.dumps({"store": _state(database), "runs": runs}))

    def _read(self) -> dict[str, Noted]:
        """Empty where there is no note, or the store has changed since."""
        database = database_of(self.uri)
        if database is None:
            return {}
        try:
            note = json.loads(_note(database).read_text(encoding="utf-8"))
            return note["runs"] if note["store"] == _state(database) else {}
        except (OSError, ValueError, KeyError, TypeError):  # no note, or not one of ours
            return {}


def _note(database: Path) -> Path:
    return database.with_name(f"{database.name}.known.json")


def _state(database: Path) -> list[int]:
    found = database.stat()
    return [found.st_ino, found.st_mtime_ns, found.st_size]
