"""Read the files that cells exchange: a record, or one line that says what is wrong with it. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from workflows.lib.errors import DataError
from workflows.lib.records import Record

R = TypeVar("R", bound=Record)


def read_record(model: type[R], path: Path) -> R:
    """The file ``path`` as ``model``; DataError if it is missing, broken or not what the model says."""
    return parse_record(model, read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of ``path``; DataError if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(str(path), f"cannot be read ({error})", "run the cell again") from None


def parse_record(model: type[R], text: str, place: str) -> R:
    """``text`` as ``model``; DataError naming ``place`` and the first field that is wrong."""
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "content"
        raise DataError(place, f"{field}: {first['msg']}", "delete the file and run the workflow again") from None
