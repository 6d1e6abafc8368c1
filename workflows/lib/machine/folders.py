"""Folders outside the project that jobs write to: which variable names each, and whether it can be written."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from contracts.errors import ConfigError


class NeededFolder(NamedTuple):
    """A folder that must be writable, and the variable that says where it lies."""

    variable: str
    folder: Path
    used_by: str


def needed(environment: Mapping[str, str]) -> Iterator[NeededFolder]:
    """The folders, as the libraries look them up. lmms-eval does not follow XDG_CACHE_HOME."""
    home = Path(environment.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111 - Path.home() may raise
    cache = environment.get("XDG_CACHE_HOME")
    yield NeededFolder("XDG_CACHE_HOME", Path(cache or home / ".cache"), "Snakemake")
    inner = {"LMMS_EVAL_DATASETS_CACHE": "", "HF_DATASETS_CACHE": "", "HF_HOME": "datasets"}  # lmms-eval's order
    variable = next((name for name in inner if environment.get(name)), "HF_HOME")
    place = Path(environment.get(variable) or home / ".cache" / "huggingface").expanduser()
    yield NeededFolder(variable, place / inner[variable], "an evaluation")
    try:
        yield NeededFolder("TMPDIR", Path(tempfile.gettempdir()), "every job")
    except FileNotFoundError:
        yield NeededFolder("TMPDIR", Path(environment.get("TMPDIR", "/tmp")), "every job")  # noqa: S108


def trouble(folder: Path) -> str:
    """Why ``folder`` cannot be made or written; empty if it can. Leaves nothing behind."""
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"0")
    except OSError as error:
        return f"cannot write to {existing} ({error.strerror})"
    return ""


def check_folders(environment: Mapping[str, str]) -> None:
    """Raise ConfigError, naming the variable, for the first of the folders that cannot be written."""
    for variable, folder, used_by in needed(environment):
        if cause := trouble(folder):
            raise ConfigError(f"{variable}, {folder}", f"{cause}; {used_by} needs it", way_out(variable))


def way_out(variable: str) -> str:
    """What the user can do about it."""
    return f"export {variable}=<a folder that you can write to>"


if __name__ == "__main__":  # before Snakemake, which needs a cache before it reads our workflow
    try:
        check_folders(os.environ)
    except ConfigError as error:
        sys.exit(f"ConfigError: {error}")
