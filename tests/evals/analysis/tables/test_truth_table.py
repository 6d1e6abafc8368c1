"""The table and the figure of credit beside the truth: rows, numbers, and what is said where nothing was measured."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from contracts.errors import DataError
from contracts.paths import ROOT
from evals.analysis.figures import truth as figure
from evals.analysis.tables import truth
from evals.analysis.truth_results import read_measured_truth
from tests.helpers.measured_truth import ALONG, NOISE, write_measured_truth

PUBLISHED = ROOT / "results" / "published"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_measured_truth(folder, ("small", "large"), (1, 2))
    return folder


def test_every_arm_and_the_labels_are_rows_of_every_policy(results: Path):
    text = truth.write([], PUBLISHED, results / "tables")[0].read_text()
    for words in ("Tiny, untrained", "OPSD", "VinePPO", "labels of tokens", "over seeds; bold where they exclude 0"):
        assert words in text
    frame = pd.read_csv(results / "tables" / "truth.csv")
    assert set(frame["method"]) == {"grpo", *ALONG, "labels", "truth"}
    grpo = frame[frame["method"] == "grpo"]
    assert set(grpo["quantity"]) == {"explained"}  # uniform credit ranks nothing
    assert set(grpo["value"]) == {0.0}


def test_numbers_are_those_that_the_truths_were_drawn_with(results: Path):
    measured = read_measured_truth(results)
    for name, along in ALONG.items():
        found = measured.number("small", "base", "correlation", name)
        assert found is not None
        assert found.value == pytest.approx(along, abs=0.08)
        assert found.seeds == 2
    assert measured.reliability("small", "base") == pytest.approx(1 / (1 + NOISE**2 / 2), abs=0.04)


def test_one_seed_has_intervals_over_problems(tmp_path: Path):
    write_measured_truth(tmp_path)
    found = read_measured_truth(tmp_path).number("small", "base", "correlation", "cepo")
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.5 < found.high
    assert "over the problems of one seed" in truth.write([], PUBLISHED, tmp_path / "tables")[0].read_text()


def test_the_figure_is_drawn_alike(results: Path):
    first = [path.read_bytes() for path in figure.write([], PUBLISHED, results / "figures")]
    assert first == [path.read_bytes() for path in figure.write([], PUBLISHED, results / "figures")]


def test_without_a_measurement_it_says_what_to_run(tmp_path: Path):
    with pytest.raises(DataError, match="no advantages of tokens were measured; run: make run EXPERIMENT=truth"):
        truth.write([], PUBLISHED, tmp_path / "tables")
