"""The lines of ``train.jsonl`` while a run goes on: read after a resume, and written again after every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from contracts.errors import TrainError
from contracts.files import write_text
from contracts.reading import wrong_steps
from contracts.records import TrainingStep


def step_line(place: str, fields: Mapping[str, Any]) -> TrainingStep:
    """The line of a step; TrainError, naming the field, if one of its numbers is NaN or infinite."""
    try:
        return TrainingStep(**fields)
    except ValidationError as error:
        wrong = [one for one in error.errors() if one["type"] == "finite_number"]
        if not wrong:
            raise
        name = ".".join(map(str, wrong[0]["loc"]))
        cause = f"{name} is {wrong[0]['input']}"
        raise TrainError(place, cause, "lower the learning rate or look into the batch") from None


def steps_before(path: Path, first: int) -> list[TrainingStep]:
    """The lines of the ``first`` steps, for a run that goes on after them; TrainError if one is missing or twice."""
    records = read_steps(path)[:first]
    if cause := wrong_steps([record.step for record in records], first):
        raise TrainError(str(path), f"{cause}, but the checkpoint is of step {first}", _anew(path))
    return records


def _anew(path: Path) -> str:
    return f"delete {path.parent} to train from the start"


def read_steps(path: Path) -> list[TrainingStep]:
    """Read the lines so far; none if there is no file. Raises TrainError if this program did not write the file."""
    if not path.exists():
        return []
    try:
        return [TrainingStep.model_validate_json(line) for line in path.read_text().splitlines()]
    except ValidationError as error:
        cause = f"not step records ({error.error_count()} errors)"
        raise TrainError(str(path), cause, _anew(path)) from error


def write_steps(path: Path, records: Sequence[TrainingStep]) -> None:
    """Write all lines of a run, completely or not at all."""
    write_text(path, "".join(record.model_dump_json() + "\n" for record in records))
