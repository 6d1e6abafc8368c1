"""Numbers of measured gradients: all that are asked for, with the right signs, and files that read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.errors import DataError
from contracts.gradients import GradientLine
from contracts.reading import read_lines
from evals.gradient_estimates import estimate_gradients, gradient_lines
from tests.helpers.measured_gradients import BATCHES, NOISE, gram, report


@pytest.fixture(scope="module")
def lines() -> dict[tuple[str, str | None, str], GradientLine]:
    found = gradient_lines(report("small", "base", 1), gram(0))
    return {(line.method, line.theirs, line.quantity): line for line in found}


def test_every_arm_has_its_numbers(lines):
    arms = [name for name in NOISE if name != "pg"]
    assert {key[0] for key in lines if key[2] == "snr"} == set(NOISE)
    assert {key[0] for key in lines if key[2] == "direction"} == set(arms)
    pairs = {key[:2] for key in lines if key[2] == "samples"}
    assert len(pairs) == len(NOISE) * (len(NOISE) - 1)
    assert all(line.low <= line.value <= line.high and line.n == BATCHES for line in lines.values())
    assert {key[1] for key in lines if key[2] == "progress_difference"} == {"grpo"}


def test_noise_shows_as_rollouts_needed(lines):
    # The ratio of the squares of the noises: .7^2, 1.1^2 and (1.3 / 1.1)^2, all with the same signal.
    for ours, theirs, expected in (("oracle", "grpo", 0.49), ("cepo", "grpo", 1.21), ("cepo/lam=1", "cepo", 1.397)):
        line = lines[ours, theirs, "samples"]
        assert line.low < expected < line.high
        assert lines[theirs, ours, "samples"].value == pytest.approx(1 / line.value, rel=1e-4)
    assert lines["oracle", "grpo", "samples"].high < 1 < lines["cepo/lam=1", "cepo", "samples"].low
    assert lines["oracle", "grpo", "progress_difference"].low > 0


def test_direction_is_that_of_the_expected_gradient(lines):
    assert lines["cepo", None, "direction"].value == pytest.approx(1.0, abs=0.05)
    turned = lines["opsd", None, "direction"]
    assert turned.low < 0 < turned.high or abs(turned.value) < 0.15
    assert lines["opsd", "grpo", "direction_difference"].high < -0.5


def test_the_files_read_back_and_a_missing_measurement_is_named(tmp_path: Path):
    from contracts.gradients import GradientReport, write_gradients

    write_gradients(tmp_path / "one", report("small", "base", 1), gram(0))
    estimates, measurements = estimate_gradients([tmp_path / "one"], tmp_path)
    assert len(read_lines(GradientLine, estimates)) == len(list(gradient_lines(report("small", "base", 1), gram(0))))
    assert read_lines(GradientReport, measurements) == [report("small", "base", 1)]
    with pytest.raises(DataError, match="two: no readable gradients"):
        estimate_gradients([tmp_path / "two"], tmp_path)
