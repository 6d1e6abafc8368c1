"""Write a file or a folder completely or not at all: a killed job leaves no half of one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.errors import DataError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the block a temporary path beside ``path`` to write to, and rename it to ``path`` when the block ends.

    If the block fails, the temporary file is removed and ``path`` stays as it was. Makes the folder. Raises DataError
    if the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise DataError(str(path), f"cannot be written ({error.strerror})", "free the disk or choose another") from None
    finally:
        if temporary.exists():
            temporary.unlink()


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Give the block an empty folder to write to; it replaces ``folder`` when the block ends without an error."""
    temporary = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    yield temporary
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)


def remove_folder(folder: Path) -> None:
    """Remove ``folder`` as a whole: a job that is killed meanwhile leaves all of it or nothing under this name."""
    going = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(going, ignore_errors=True)
    if folder.exists():
        folder.rename(going)
        shutil.rmtree(going)


def write_text(path: Path, text: str) -> Path:
    """Write ``text`` as UTF-8, completely or not at all; returns ``path``."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path
