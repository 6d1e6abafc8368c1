"""The step lines of a run: read back after a resume, and written anew after every step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from contracts.errors import TrainError
from contracts.files import write_text
from contracts.records import TrainingStep


def read_steps(path: Path) -> list[TrainingStep]:
    """Step lines of a run so far; none without a file. TrainError if the file is not what this program writes."""
    if not path.exists():
        return []
    try:
        return [TrainingStep.model_validate_json(line) for line in path.read_text().splitlines()]
    except ValidationError as error:
        cause = f"not step records ({error.error_count()} errors)"
        raise TrainError(str(path), cause, f"delete {path.parent} to train from the start") from error


def write_steps(path: Path, records: Sequence[TrainingStep]) -> None:
    """Write all step lines of a run, completely or not at all."""
    write_text(path, "".join(record.model_dump_json() + "\n" for record in records))
