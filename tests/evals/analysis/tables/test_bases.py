"""The table of untrained bases: what agrees with the published row and what does not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from contracts.errors import DataError
from evals.analysis.tables.bases import AGREES, DIFFERS, write
from tests.helpers.analysis_cells import ROOT, write_cell

PUBLISHED = ROOT / "results" / "published"


def table(out: Path, cells: list[Path]) -> tuple[str, pd.DataFrame]:
    paths = write(cells, PUBLISHED, out)
    return paths[0].read_text(), pd.read_csv(paths[1])


def differences(frame: pd.DataFrame) -> pd.DataFrame:
    chosen = frame["quantity"].str.startswith("difference") & (frame["benchmark"] == "average")
    return frame[chosen].set_index("variant")


def test_a_verdict_on_each_sampling_of_the_paper_world(tmp_path: Path):
    near = write_cell(tmp_path, "base", world="paper", skill=0.37, questions=400)  # the published average is 39.73
    far = write_cell(tmp_path, "base", variant="as_passed", world="paper", skill=0.8, questions=400)
    trained = write_cell(tmp_path, "grpo", world="paper")
    text, frame = table(tmp_path / "out", [near, far, trained])
    rows = {line.split("|")[1].strip().partition(":")[0]: line for line in text.splitlines() if line.startswith("| ")}
    assert rows["default"].rstrip(" |").endswith(f" {AGREES}") and rows["as_passed"].rstrip(" |").endswith(
        f" {DIFFERS}"
    )
    assert "39.73" in rows["the paper"] and "grpo" not in text.lower()
    found = differences(frame)
    assert found.loc["default", "low"] < 0 < found.loc["default", "high"] or abs(found.loc["default", "value"]) < 5
    assert found.loc["as_passed", "low"] > 0
    accuracy = frame[(frame["quantity"] == "accuracy") & (frame["benchmark"] == "average")].set_index("variant")
    assert accuracy.loc["default", "value"] - found.loc["default", "value"] == pytest.approx(39.73, abs=1e-3)
    # Chance is the root of 2 times the half-width of our own interval, which Wilson's is close to.
    own = (accuracy.loc["default", "high"] - accuracy.loc["default", "low"]) / 2
    reach = (found.loc["default", "high"] - found.loc["default", "low"]) / 2
    assert reach == pytest.approx(2**0.5 * own, rel=0.05)


def test_another_world_has_no_published_row_and_no_verdict(tmp_path: Path):
    text, frame = table(tmp_path / "out", [write_cell(tmp_path, "base"), write_cell(tmp_path, "base", "large")])
    assert f" {AGREES} " not in text.partition("| Sampling")[2] and differences(frame).empty
    assert "39.73" not in text


def test_trained_cells_alone_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="no untrained base among them; run the experiment 'bases'"):
        write([write_cell(tmp_path, "grpo")], PUBLISHED, tmp_path / "out")
