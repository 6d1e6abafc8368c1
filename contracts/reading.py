"""Read the files that jobs exchange, as records or with an error of one line that says what is wrong. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from contracts.errors import DataError
from contracts.records import Record

R = TypeVar("R", bound=Record)


def read_record(model: type[R], path: Path) -> R:
    """Read the file ``path`` as ``model``. Raises DataError if it is missing, broken or does not fit the model."""
    return _parse(model, read_text(path), str(path))


def read_lines(model: type[R], path: Path) -> list[R]:
    """Read each line of ``path`` that is not blank as ``model``. DataError names the first line that is broken."""
    lines = enumerate(read_text(path).splitlines(), 1)
    return [_parse(model, line, f"{path}:{number}") for number, line in lines if line.strip()]


def wrong_steps(numbers: Sequence[int], last: int) -> str:
    """What is wrong with the steps of a log that should hold 1 to ``last`` once each; empty if nothing is."""
    missing = sorted(set(range(1, last + 1)) - set(numbers))
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    beyond = sorted({number for number in numbers if number > last})
    for which, verb in ((missing, "missing"), (twice, "there more than once"), (beyond, f"beyond the last, {last}")):
        if which:
            more = f" and {len(which) - 1} more, up to {which[-1]}," if len(which) > 1 else ""
            return f"step {which[0]}{more} {'are' if more else 'is'} {verb}"
    return ""


def read_text(path: Path) -> str:
    """Read ``path`` as UTF-8 text. Raises DataError if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(str(path), f"cannot be read ({error})", "run the cell again", delete_and_rerun=True) from None


def _parse(model: type[R], text: str, place: str) -> R:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "content"
        raise DataError(place, f"{field}: {first['msg']}", "run the cell again", delete_and_rerun=True) from None
