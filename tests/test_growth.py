"""benchmarks/growth.py, small: that a step does exactly the work it says, and how growth is computed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from contracts.paths import ROOT


@pytest.fixture
def growth(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return import_module("growth")


def test_a_step_does_the_work_of_its_point(
    growth: Any, monkeypatch: pytest.MonkeyPatch, tiny_base: Path, micro_data: Path
):
    step = import_module("growth_step")
    monkeypatch.setattr(step, "ENOUGH", 0.0)
    point = step.Point("tokens", 2, tokens=3, prompts=2, shape="small")
    cost = step.measure("cepo", point, tiny_base, micro_data / "train.parquet", 1)  # fails if a response ends early
    assert all(cost.seconds[phase] > 0 for phase in step.PHASES)
    assert sum(cost.seconds.values()) - cost.seconds["score"] <= cost.step
    assert 0 < cost.loaded <= cost.peak
    assert growth.parameters(tiny_base) > 96 * 288 * 3


def test_growth_is_over_the_growth_of_the_work(growth: Any):
    seconds = {"rollout": 1.0, "score": 0.5, "teacher": 0.0, "update": 2.0}
    first = growth.Cost(seconds, step=3.0, wall=4.0, loaded=100.0, peak=110.0)
    grown = growth.Cost(seconds | {"rollout": 8.0, "update": 2.0}, step=10.0, wall=11.0, loaded=100.0, peak=140.0)
    row = growth.row("grpo", growth.Point("rollouts", 4, 64, 16, "96"), grown, first)
    assert row == [
        *("rollouts x 4", "128 x 64, 96 wide", "grpo"),
        *("8.00 (2.00)", "0.50 (0.25)", "", "2.00 (0.25)", "10.00 (0.83)"),
        *("11.00", "40 (1.00)"),
    ]


def test_operators_are_those_with_most_time_at_the_larger_point(growth: Any):
    small = {"rollout": {"mm": (10, 4.0), "copy": (10, 1.0)}}
    large = {"rollout": {"mm": (20, 8.0), "copy": (20, 16.0), "cat": (1, 0.5)}}
    assert growth.operators(small, large, 2) == [
        ["rollout", "copy", 20, 1.0, 16.0, 8.0],
        ["rollout", "mm", 20, 4.0, 8.0, 1.0],
        ["rollout", "cat", 1, 0.0, 0.5, "new"],
    ]
