"""Verdicts are false at most one time in twenty, with and without a working control, in worlds whose truth is known."""

from __future__ import annotations

import pytest
from scipy import stats

from evals.statistics.verdict_calibration import VerdictWorld, every_world

COUNT = 60  # worlds each
ALLOWED = int(stats.binom.ppf(0.999, COUNT, 0.05))  # false verdicts that a rate of 5 % exceeds once in 1,000 times


@pytest.mark.parametrize("world", every_world(), ids=str)
def test_false_verdicts_are_rare(world: VerdictWorld) -> None:
    verdicts = world.verdicts(COUNT)
    assert sum(number for name, number in verdicts.items() if world.false(name)) <= ALLOWED


def test_all_worlds_together_are_far_below_five_percent() -> None:
    shares = [world.false_share(world.verdicts(COUNT)) for world in every_world()]
    assert sum(shares) / len(shares) <= 0.05


def test_a_large_control_lets_the_absence_of_a_difference_be_said() -> None:
    world = VerdictWorld(10, -4.0, 4.0, between=0.0)
    assert world.verdicts(COUNT)["contradicted"] > 0.5 * COUNT
    assert VerdictWorld(10, -4.0, 0.0, between=0.0).verdicts(COUNT)["contradicted"] <= ALLOWED
