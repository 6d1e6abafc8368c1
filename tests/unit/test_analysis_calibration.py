"""How often intervals hold the truth of simulated worlds, over numbers of seeds, spreads of seeds and effects.

One seed's interval is about that seed: its worlds have no spread of seeds. The standard error of a share of 600 worlds
is 0.9 points, so one of the 34 cases may leave 93 to 97 % by two of it; over all cases of a number of seeds none may.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from evals.analysis.simulation import World
from evals.analysis.statistics import AVERAGE, Estimate, accuracies, differences

COUNT = 600  # worlds per case
ERROR = 0.018  # two standard errors of a share of COUNT worlds
SPREADS = {
    1: (0.0,),
    2: (0.0, 0.1, 0.25, 0.6),
    3: (0.0, 0.1, 0.25, 0.6),
    5: (0.0, 0.1, 0.25, 0.6),
    10: (0.0, 0.25, 0.6),
}
CASES = [World(seeds, spread, effect) for seeds in SPREADS for spread in SPREADS[seeds] for effect in (0.0, 0.4)]


@cache
def estimates(world: World) -> list[Estimate]:
    return [differences(*sides)[AVERAGE] for sides in world.worlds(COUNT)]


def coverage(world: World) -> float:
    return float(np.mean([found.low <= world.truth <= found.high for found in estimates(world)]))


@pytest.mark.parametrize("world", CASES, ids=str)
def test_intervals_of_differences_cover(world: World) -> None:
    assert 0.93 - ERROR <= coverage(world) <= 0.97 + ERROR


@pytest.mark.parametrize("seeds", list(SPREADS))
def test_over_all_spreads_they_cover_93_to_97_percent(seeds: int) -> None:
    assert 0.93 <= np.mean([coverage(world) for world in CASES if world.seeds == seeds]) <= 0.97


@pytest.mark.parametrize("world", [world for world in CASES if not world.effect], ids=str)
def test_without_an_effect_at_most_one_in_twenty_is_called_one(world: World) -> None:
    """Either claim, that one model leads or that the other does, is supported by mistake at most 5 % of the time."""
    found = estimates(world)
    assert np.mean([estimate.low > 0 for estimate in found]) <= 0.05
    assert np.mean([estimate.high < 0 for estimate in found]) <= 0.05


@pytest.mark.parametrize("world", [World(1, 0.0, 0.4), World(3, 0.25, 0.4), World(5, 0.25, 0.4)], ids=str)
def test_intervals_of_accuracies_cover(world: World) -> None:
    """The plain model's accuracy is one half, by symmetry."""
    found = [accuracies(theirs)[AVERAGE] for _, theirs in world.worlds(COUNT)]
    assert 0.93 - ERROR <= np.mean([estimate.low <= 0.5 <= estimate.high for estimate in found]) <= 0.97 + ERROR


def test_a_large_effect_is_found_and_more_seeds_find_more() -> None:
    shares = [np.mean([found.low > 0 for found in estimates(World(seeds, 0.25, 0.4))]) for seeds in (2, 3, 5, 10)]
    assert shares == sorted(shares)
    assert shares[-1] > 0.6
