"""The noise floor of repeated evaluations: against numpy, and beside what independent draws give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.errors import DataError
from contracts.paths import ROOT
from evals.analysis.cells import CellFolder
from evals.analysis.tables.noise import write
from evals.benchmarks import BENCHMARKS
from evals.samples import write_samples
from tests.helpers.analysis_cells import answers, write_cell

PUBLISHED = ROOT / "results" / "published"


def repeated(root: Path, method: str, count: int) -> Path:
    """A cell evaluated ``count`` times, each time with other chances."""
    cell = write_cell(root, method)
    for number in range(1, count):
        rows = [row for name in BENCHMARKS for row in answers(name, 0.5, f"{method}{number}", 60)]
        write_samples(rows, cell / "repeats" / str(number) / "samples.parquet")
    return cell


def test_the_spread_is_that_of_the_accuracies(tmp_path: Path) -> None:
    cells = [repeated(tmp_path, "grpo", 5), repeated(tmp_path, "cepo", 5), write_cell(tmp_path, "rlsd")]
    paths = write(cells, PUBLISHED, tmp_path / "out")
    assert [path.suffix for path in paths] == [".md", ".csv", ".tex", ".html"]
    table = pd.read_csv(paths[1])
    found = table[table["quantity"] == "standard deviation of evaluations"]
    assert set(found["method"]) == {"grpo", "cepo"}
    folder = CellFolder(cells[0])
    shares = [one["mmmu"]["correct"].mean() for one in [folder.samples, *folder.repeats()]]
    line = found[(found["row"].str.startswith("GRPO")) & (found["benchmark"] == "mmmu")]
    assert line["value"].item() == pytest.approx(100 * np.std(shares, ddof=1), abs=1e-3)
    assert line["low"].item() < line["value"].item() < line["high"].item()
    assert any(found["row"] == "CEPO less GRPO, seed 1")


def test_independent_draws_lie_as_far_apart_as_expected(tmp_path: Path) -> None:
    table = pd.read_csv(write([repeated(tmp_path, "grpo", 40)], PUBLISHED, tmp_path / "out")[1])
    seen, expected = (table[table["quantity"].str.startswith(word)]["value"] for word in ("standard", "expected"))
    assert np.mean(np.array(seen) / np.array(expected)) == pytest.approx(1, abs=0.15)


def test_without_repeats_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="run the experiment 'noise'"):
        write([write_cell(tmp_path, "grpo")], PUBLISHED, tmp_path)
