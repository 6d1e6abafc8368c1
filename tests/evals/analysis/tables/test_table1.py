"""Table 1: rows, what is measured and what is absent, and the paper's ticks beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from contracts.paths import ROOT
from evals.analysis.published.numbers import load
from evals.analysis.systems import Measurements, System
from evals.analysis.tables import table1
from tests.helpers.analysis_cells import write_cell
from tests.helpers.measured_gradients import write_measured
from tests.helpers.measured_truth import write_measured_truth

PUBLISHED = ROOT / "results" / "published"
METHODS = ("base", "grpo", "opsd", "cepo", "vineppo")
EXTRA = {"vineppo": (300, 0), "opsd": (None, 100)}  # tokens sampled besides and read by teachers, at each step


def counted(cell: Path, sampled: int | None, read: int) -> None:
    """Let the steps of a cell say what they cost."""
    path = cell / "train.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    told = {"tokens": 100, "teacher_tokens": read} | ({} if sampled is None else {"extra_tokens": sampled})
    path.write_text("".join(json.dumps(line | told) + "\n" for line in lines))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    for method in METHODS:
        cell = write_cell(folder / "cells", method)
        if method in EXTRA:
            counted(cell, *EXTRA[method])
    write_measured(folder)
    write_measured_truth(folder)
    return folder


def written(results: Path) -> tuple[str, pd.DataFrame]:
    cells = [results / "cells" / method / "small" / "default" / "s1" for method in METHODS]
    text = table1.write(cells, PUBLISHED, results / "tables")[0].read_text()
    return text, pd.read_csv(results / "tables" / "table1.csv")


def row(text: str, name: str) -> list[str]:
    """Name and entries of a row, which is printed once under each group of columns."""
    lines = [line for line in text.splitlines() if line.startswith(f"| {name} |")]
    return [name, *(part.strip() for line in lines for part in line.strip("|").split("|")[1:])]


def test_a_row_a_system(results: Path):
    text, _ = written(results)
    assert row(text, "OPSD")[1] == "yes"
    assert row(text, "OPSD")[2].startswith("no")
    assert row(text, "CEPO")[1:3] == ["yes", "yes"]
    assert row(text, "VinePPO")[1:3] == ["no", "yes"]
    assert row(text, "GRPO")[4] == "rollout"
    assert row(text, "CEPO")[4] == "token"


def test_costs_are_those_of_the_steps_and_absent_where_nobody_counted(results: Path):
    text, frame = written(results)
    assert row(text, "VinePPO")[7:9] == ["+3.00", "0"]
    assert row(text, "OPSD")[7:9] == ["0", "+1.00"]
    assert row(text, "CEPO")[7:9] == ["\u2013", "\u2013"]
    assert set(frame[frame["quantity"] == "extra tokens"]["method"]) == {"vineppo", "opsd"}


def test_the_papers_ticks_stand_beside_ours(results: Path):
    text, _ = written(results)
    ticks = [cell.strip("*_ ") for cell in row(text, "CEPO")[-4:]]
    assert ticks == ["\u2713"] * 4
    assert load(PUBLISHED).table1.row("grpo") is None


def test_what_was_not_measured_is_absent(tmp_path: Path):
    cells = [write_cell(tmp_path / "cells", method) for method in ("base", "grpo", "cepo")]
    text = table1.write(cells, PUBLISHED, tmp_path / "tables")[0].read_text()
    assert row(text, "CEPO")[1:10] == ["\u2013"] * 9
    alone = System("cepo", "small", None, None, Measurements(None, None))
    assert (alone.privileged, alone.leak, alone.leak_free, alone.level, alone.time) == (None,) * 5
