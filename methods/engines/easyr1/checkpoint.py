"""A note in each checkpoint of EasyR1 says to which cell it belongs; it is read before a run is resumed."""

from __future__ import annotations

import json
from pathlib import Path

from contracts.errors import TrainError

NOTE = "cell.json"
TRACKER = "checkpoint_tracker.json"  # EasyR1's: verl/utils/checkpoint/checkpoint_manager.py


def write_note(folder: Path, digest: str, resumed_at: tuple[int, ...]) -> None:
    """Write to which cell the checkpoint ``folder`` belongs, before EasyR1 writes the checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NOTE).write_text(json.dumps({"cell_digest": digest, "resumed_at": list(resumed_at)}))


def read_note(folder: Path, digest: str) -> tuple[int, ...]:
    """Read the steps at which the run was resumed so far. TrainError if it is damaged or of another cell."""
    try:
        note = json.loads((folder / NOTE).read_text())
        owner, resumed_at = note["cell_digest"], tuple(note["resumed_at"])
    except (OSError, ValueError, KeyError) as error:
        cause = f"damaged checkpoint ({error})"
        raise TrainError(str(folder), cause, f"delete {folder.parent} to train from the start") from error
    if owner != digest:
        raise TrainError(
            str(folder), "checkpoint of another cell (its options, data or code differ)",
            f"delete {folder.parent.parent} to train from the start",
        )  # fmt: skip
    return resumed_at


def newest(folder: Path) -> Path | None:
    """The checkpoint from which EasyR1 would resume, or None. TrainError if its tracker cannot be read."""
    tracker = folder / TRACKER
    if not tracker.exists():
        return None
    try:
        step = int(json.loads(tracker.read_text())["last_global_step"])
    except (ValueError, KeyError, TypeError) as error:
        raise TrainError(str(tracker), f"damaged ({error})", f"delete {folder} to train from the start") from error
    return folder / f"global_step_{step}"
