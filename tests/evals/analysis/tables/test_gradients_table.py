"""The table and the figure of gradients: rows, numbers over seeds, verdicts, and what is said where nothing was run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.errors import DataError
from contracts.paths import ROOT
from evals.analysis.figures import gradient_signal
from evals.analysis.gradient_results import read_measured, state_name
from evals.analysis.tables import gradients
from tests.helpers.measured_gradients import NOISE, write_measured

PUBLISHED = ROOT / "results" / "published"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_measured(folder, ("small", "large"), ("base", "default"), (1, 2, 3))
    return folder


def test_every_arm_is_a_row_of_every_policy(results: Path):
    text = gradients.write([], PUBLISHED, results / "tables")[0].read_text()
    for words in ("Tiny, untrained", "Tiny, after GRPO", "CEPO (lam=1)", "policy gradient", "oracle"):
        assert words in text
    assert "over seeds and batches. Seeds 1, 2 and 3." in text
    assert "small, untrained: 24 batches of 8 x 8 rollouts, 40 % right, 80 % of groups mixed" in text
    frame = pd.read_csv(results / "tables" / "gradients.csv")
    assert set(frame["method"]) == set(NOISE)
    assert len(frame[frame["quantity"] == "snr"]) == 2 * 2 * 3 * len(NOISE)


def test_verdicts_need_no_cell_and_stand_beside_their_control(results: Path):
    text = gradients.write([], PUBLISHED, results / "tables")[0].read_text()
    assert "rollouts where GRPO needs 1" in text
    assert "3 seeds: works" in text
    (row,) = [line for line in text.splitlines() if "OPSD, small, direction of the gradient" in line]
    assert "supported" in row


def test_numbers_are_means_over_seeds(results: Path):
    measured = read_measured(results)
    found = measured.number("small", "base", "snr", "cepo/default")
    assert found is not None
    alone = [line for line in measured.lines if (line.scale, line.state, line.method) == ("small", "base", "cepo")]
    values = [line.value for line in alone if line.quantity == "snr"]
    assert (len(values), found.seeds, found.value) == (3, 3, pytest.approx(np.prod(values) ** (1 / 3)))
    cosines = [line.value for line in alone if line.quantity == "direction"]
    assert measured.number("small", "base", "direction", "cepo").value == pytest.approx(np.mean(cosines))
    half = 4.302653 * np.std(np.log(values), ddof=1) / 3**0.5  # Student's t for three seeds
    assert found.high == pytest.approx(found.value * np.exp(half))
    assert measured.number("small", "base", "samples", "cepo", "rlsd") is None


def test_the_figure_is_drawn_alike(results: Path, tmp_path: Path):
    first = [path.read_bytes() for path in gradient_signal.write([], PUBLISHED, results / "figures")]
    assert first == [path.read_bytes() for path in gradient_signal.write([], PUBLISHED, results / "figures")]
    one = write_measured(tmp_path, seeds=(1,))  # a single panel, a single seed
    assert gradient_signal.write([], PUBLISHED, one.parent / "figures")


def test_without_a_measurement_it_says_what_to_run(tmp_path: Path):
    with pytest.raises(DataError, match="no gradients were measured; run: make gradients"):
        gradients.write([], PUBLISHED, tmp_path / "tables")


def test_states_in_words():
    assert [state_name(state) for state in ("base", "default", "steps=20")] == [
        "untrained", "after GRPO", "after GRPO (steps=20)",
    ]  # fmt: skip
