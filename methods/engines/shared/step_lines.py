"""The lines of ``train.jsonl`` while a run goes on: read after a resume, and written again after every step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from contracts.errors import TrainError
from contracts.files import write_text
from contracts.records import TrainingStep


def read_steps(path: Path) -> list[TrainingStep]:
    """Read the lines so far; none if there is no file. Raises TrainError if this program did not write the file."""
    if not path.exists():
        return []
    try:
        return [TrainingStep.model_validate_json(line) for line in path.read_text().splitlines()]
    except ValidationError as error:
        cause = f"not step records ({error.error_count()} errors)"
        raise TrainError(str(path), cause, f"delete {path.parent} to train from the start") from error


def write_steps(path: Path, records: Sequence[TrainingStep]) -> None:
    """Write all lines of a run, completely or not at all."""
    write_text(path, "".join(record.model_dump_json() + "\n" for record in records))
