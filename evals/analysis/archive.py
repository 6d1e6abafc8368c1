"""Pack a finished world into a few small files, and unpack it: all that tables, figures and claims need.

An archive holds neither models nor responses. ``answers.parquet`` has one row per question and one column per
evaluation, each answer in five bits. ``records.parquet`` (:mod:`evals.analysis.cell_texts`) holds the text files of
every cell; the numbers of measured gradients and advantages lie in ``gradients/`` and ``truth/`` as they are.
:func:`pack` makes them from ``results/<world>``; :func:`unpack` writes cell folders again, with
``eval/answers.parquet`` in the place of ``samples.parquet``. Everything that reads cells reads these too: ``make
rebuild`` makes all tables and figures from an archive (:mod:`workflows.lib.publish.rebuild`).

    python -m evals.analysis.archive results/micro results/reference/micro
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import UInt8

from contracts import truth
from contracts.errors import DataError, one_line_errors
from contracts.files import replacing, write_text
from contracts.gradients import ESTIMATES, MEASUREMENTS
from evals.analysis.cell_texts import RECORDS, inside, unpack_texts
from evals.analysis.cells import ANSWERS, SECOND, by_benchmark
from evals.analysis.gradient_results import FOLDER

TEXTS = ("cell.json", "run.json", "train.jsonl", "credit.jsonl", "eval/scores.json")  # of a cell, where they exist
QUESTION = ["benchmark", "id", "cluster", "question_hash"]
BITS = ["correct", "parsed", "truncated", SECOND]  # in an answer's number, from the lowest bit
MEASURED = (  # files of measurements that are carried as they are
    *(Path(FOLDER, name) for name in (ESTIMATES, MEASUREMENTS)),
    *(Path(truth.FOLDER, name) for name in (truth.ESTIMATES, truth.MEASUREMENTS, truth.SHOWN)),
)
READ_TWICE = len(BITS)  # the next bit: the answer has a second reading


def pack(results: Path, out: Path) -> list[Path]:
    """Write the archive of ``results/<world>`` to the folder ``out``; returns the paths.

    Cells that were not evaluated are left out. Raises DataError if no cell was evaluated.
    """
    cells = sorted(path.parents[1] for path in (results / "cells").glob("*/*/*/*/eval/scores.json"))
    if not cells:
        raise DataError(str(results / "cells"), "holds no evaluated cell", "name a folder like results/micro")
    names = {cell: cell.relative_to(results / "cells").as_posix() for cell in cells}
    texts = [
        {"cell": name, "file": file, "text": (cell / file).read_text(encoding="utf-8")}
        for cell, name in names.items()
        for file in TEXTS
        if (cell / file).exists()
    ]
    answers = {f"{name}/{part}": _bits(cell / part) for cell, name in names.items() for part in _evaluations(cell)}
    table = pd.concat(answers, axis=1).sort_index() if answers else pd.DataFrame()
    return [
        _write(pa.Table.from_pylist(texts), out / RECORDS),
        _write(pa.Table.from_pandas(table.astype("UInt8").reset_index(), preserve_index=False), out / ANSWERS),
        *carry_measured(results, out),
        *_carry_bases(results, out),
    ]


def carry_measured(results: Path, out: Path) -> list[Path]:
    """Copy the numbers of measured gradients and advantages below ``results`` to ``out``; none where there are none."""
    found = [results / file for file in MEASURED if (results / file).exists()]
    return [write_text(out / file.relative_to(results), file.read_text(encoding="utf-8")) for file in found]


def unpack(archive: Path, results: Path) -> list[Path]:
    """Write the cell folders of an archive below ``results/cells``, and what was measured; returns the cell folders.

    DataError if it is no archive.
    """
    try:
        answers = pq.read_table(archive / ANSWERS)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            str(archive), f"is no archive of a world ({error})", "pack the results again", delete_and_rerun=True
        ) from None
    cells = unpack_texts(archive, results)
    carry_measured(archive, results)
    _carry_bases(archive, results)
    questions = answers.select(QUESTION)
    for name in (column for column in answers.column_names if column not in QUESTION):
        path = inside(results / "cells", f"{name}/{ANSWERS}")
        asked = questions.filter(answers[name].is_valid())
        _write(_with_flags(asked, answers[name].drop_null().to_numpy().astype(np.uint8)), path)
    return cells


def _with_flags(asked: pa.Table, bits: UInt8[np.ndarray, " N"]) -> pa.Table:
    """The :data:`COLUMNS` and the second reading of questions whose answers are numbers; undoes :func:`_bits`."""
    correct, parsed, truncated, second = ((bits >> place & 1).astype(bool) for place in range(len(BITS)))
    unread = (bits >> READ_TWICE & 1) == 0
    flags = [correct.astype(float), parsed, truncated, pa.array(second.astype(float), mask=unread)]
    for name, values in zip(BITS, flags, strict=True):
        asked = asked.append_column(name, pa.array(values))
    return asked


def _carry_bases(results: Path, out: Path) -> list[Path]:
    """Copy what was measured of each base model, unless it is there already."""
    found = [
        path
        for path in sorted(results.glob("models/*/s*/check.json"))
        if not (out / path.relative_to(results)).exists()
    ]
    return [write_text(out / path.relative_to(results), path.read_text(encoding="utf-8")) for path in found]


def _evaluations(cell: Path) -> Iterator[str]:
    """Folders of the cell that hold an evaluation, relative to it."""
    for path in [cell / "eval", *sorted((cell / "repeats").glob("[0-9]*"))]:
        if (path / "samples.parquet").exists() or (path / ANSWERS).exists():
            yield path.relative_to(cell).as_posix()


def _bits(folder: Path) -> pd.Series:
    """Return each answer of an evaluation as a number, by question."""
    frame = pd.concat(by_benchmark(folder).values())
    if SECOND not in frame:
        frame[SECOND] = np.nan
    number = sum(frame[column].fillna(0).astype(int) * 2**place for place, column in enumerate(BITS))
    number = number + frame[SECOND].notna().astype(int) * 2**READ_TWICE
    return pd.Series(np.asarray(number), index=pd.MultiIndex.from_frame(pd.DataFrame(frame[QUESTION])))


def _write(table: pa.Table, path: Path) -> Path:
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_statistics=False, store_schema=False)
    return path


def main() -> None:
    """Pack the results folder given first into the folder given second."""
    if len(sys.argv) != 3:
        sys.exit("usage: python -m evals.analysis.archive <results/world> <folder>")
    with one_line_errors():
        for path in pack(Path(sys.argv[1]), Path(sys.argv[2])):
            print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
