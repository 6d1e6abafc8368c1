"""``records.parquet`` of an archive: the unchanged text files of every cell, one row for each file. No pandas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.errors import DataError
from contracts.files import write_text

RECORDS = "records.parquet"
Texts = dict[str, dict[str, str]]  # method/scale/variant/s<seed> -> name of a file, such as run.json -> its text


def read_texts(archive: Path, files: Sequence[str] | None = None) -> Texts:
    """Read the texts of an archive by cell, or only those of ``files``. DataError if the folder is no archive."""
    try:
        chosen = None if files is None else [("file", "in", list(files))]
        rows = pq.read_table(archive / RECORDS, filters=chosen).to_pylist()
        texts: Texts = {}
        for row in rows:
            texts.setdefault(row["cell"], {})[row["file"]] = row["text"]
    except (pa.ArrowException, OSError, KeyError) as error:
        raise DataError(str(archive), f"is no archive of a world ({error})", "pack the results again") from None
    return texts


def unpack_texts(archive: Path, results: Path) -> list[Path]:
    """Write the text files of every cell of an archive below ``results/cells``; returns the cell folders, sorted.

    DataError if the folder is no archive.
    """
    for cell, files in read_texts(archive).items():
        for file, text in files.items():
            write_text(inside(results / "cells", f"{cell}/{file}"), text)
    return sorted(path.parent for path in (results / "cells").glob("*/*/*/*/cell.json"))


def inside(folder: Path, name: str) -> Path:
    """Return ``folder/name``. Raises DataError if that lies outside the folder, as in a forged archive."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(name, "names a file outside the results", "use an archive that you trust")
    return path
