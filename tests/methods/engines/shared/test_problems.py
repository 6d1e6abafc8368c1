"""Problems as they are read: falsy values are values, blanks are none."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.errors import DataError
from methods.engines.shared.problems import load_problems


def write(path: Path, answers: list[str], ids: list[int | None] | None) -> Path:
    images = pa.array([[]] * len(answers), pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())])))
    columns = {"images": images, "problem": ["What is it?"] * len(answers), "answer": answers}
    pq.write_table(pa.table(columns | ({} if ids is None else {"id": ids})), path)
    return path


def test_an_id_of_zero_is_kept_and_a_missing_one_is_the_row(tmp_path: Path):
    path = write(tmp_path / "p.parquet", ["1", "0", "3"], [7, 0, None])
    assert [(p.id, p.answer) for p in load_problems(path)] == [("7", "1"), ("0", "0"), ("2", "3")]
    assert [p.id for p in load_problems(write(path, ["1", "2"], None))] == ["0", "1"]


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u00a0"])
def test_an_answer_of_blanks_is_refused(blank: str, tmp_path: Path):
    with pytest.raises(DataError, match="row 1: empty answer"):
        load_problems(write(tmp_path / "p.parquet", ["1", blank], None))
