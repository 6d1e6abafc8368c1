"""Cell folders of a run, whether it lies as a results folder or packed as an archive. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from contracts.errors import DataError
from evals.analysis.archive import unpack
from evals.analysis.cell_texts import RECORDS


@contextmanager
def opened(folder: Path) -> Iterator[list[Path]]:
    """Evaluated cells of ``results/<world>`` or of an archive, sorted; an archive is unpacked while the block runs.

    DataError if the folder holds no evaluated cell.
    """
    if (folder / RECORDS).exists():
        with TemporaryDirectory() as temporary:
            yield unpack(folder, Path(temporary))
        return
    cells = sorted(path.parents[1] for path in (folder / "cells").glob("*/*/*/*/eval/scores.json"))
    if not cells:
        remedy = "name a folder like results/micro or results/reference/micro"
        raise DataError(str(folder), f"holds neither {RECORDS} nor evaluated cells", remedy)
    yield cells


def cell_name(cell: Path) -> str:
    """``method/scale/variant/s<seed>`` of a cell folder."""
    return "/".join(cell.parts[-4:])
