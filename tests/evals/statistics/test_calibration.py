"""How often intervals hold the truth of simulated worlds, over numbers of seeds, betweens of seeds and effects.

One seed's interval is about that seed: its worlds have no between of seeds. The standard error of a share of 2,000
worlds is 0.4 to 0.6 points, so a case may leave 93 to 97 % by one point; over all cases of a number of seeds none may.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

from evals.statistics.calibration import lead
from evals.statistics.intervals import AVERAGE, accuracies, differences
from evals.statistics.simulated_worlds import MICRO, World
from evals.statistics.variance import ContrastVariance, SeedVariance
from evals.statistics.verdict_rule import decide
from tests.helpers.many_worlds import leads

COUNT = 2000  # worlds per case
ERROR = 0.01  # two standard errors of a share of COUNT worlds
BETWEEN = {
    1: (0.0,),
    2: (0.0, 0.1, 0.25, 0.6),
    3: (0.0, 0.1, 0.25, 0.6),
    5: (0.0, 0.1, 0.25, 0.6),
    10: (0.0, 0.25, 0.6),
}
CASES = [World(seeds, between, effect) for seeds in BETWEEN for between in BETWEEN[seeds] for effect in (0.0, 0.4)]
FIVE = [World(3, between, 0.4, MICRO) for between in (0.0, 0.25)]  # five benchmarks of the micro world's sizes


def coverage(world: World) -> float:
    low, high = leads(world, COUNT)
    return float(np.mean((low <= world.truth) & (world.truth <= high)))


@pytest.mark.parametrize("world", [*CASES, *FIVE], ids=str)
def test_the_formula_for_many_worlds_is_that_of_one(world: World) -> None:
    """All cases below stand on the product's own intervals: those of the first worlds are computed both ways."""
    found = [lead(sides) for sides in world.worlds(20)]
    low, high = leads(world, COUNT)
    np.testing.assert_allclose(low[:20], [one.low for one in found], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(high[:20], [one.high for one in found], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("world", [*CASES, *FIVE], ids=str)
def test_intervals_of_differences_cover(world: World) -> None:
    assert 0.93 - ERROR <= coverage(world) <= 0.97 + ERROR


@pytest.mark.parametrize("seeds", list(BETWEEN))
def test_over_all_betweens_they_cover_93_to_97_percent(seeds: int) -> None:
    assert 0.93 <= np.mean([coverage(world) for world in CASES if world.seeds == seeds]) <= 0.97


@pytest.mark.parametrize("world", [world for world in CASES if not world.effect], ids=str)
def test_without_an_effect_at_most_one_in_twenty_is_called_one(world: World) -> None:
    """Either claim, that one model leads or that the other does, is supported by mistake at most 5 % of the time."""
    ends = np.transpose(leads(world, COUNT))
    for expect in ("higher", "lower"):
        verdicts = [decide(expect, 100 * low, 100 * high, tolerance=1.0)[0] for low, high in ends]
        assert verdicts.count("supported") <= 0.05 * COUNT


@pytest.mark.parametrize("world", [World(1, 0.0, 0.4), World(3, 0.25, 0.4), World(5, 0.25, 0.4)], ids=str)
def test_intervals_of_accuracies_cover(world: World) -> None:
    """The plain model's accuracy is one half, by symmetry."""
    found = [accuracies(theirs)[AVERAGE] for _, theirs in world.worlds(COUNT)]
    assert 0.93 - ERROR <= np.mean([estimate.low <= 0.5 <= estimate.high for estimate in found]) <= 0.97 + ERROR


@pytest.mark.parametrize("seeds", [2, 3, 4, 5, 10, 20])
def test_the_formula_covers_for_every_ratio_of_its_parts(seeds: int) -> None:
    """Variance by questions and chance is 1, of which ``chance``; by true differences of seeds ``between``.

    The mean is normal and the variance of seeds' means chi-square, so coverage is an average over its quantiles.
    """
    quantiles = stats.chi2.ppf((np.arange(300) + 0.5) / 300, seeds - 1) / (seeds - 1)
    for chance, between in product((0.0, 0.25, 0.5, 0.75, 1.0), (0.0, *np.geomspace(0.02, 100, 16))):
        of_seeds = chance + between
        seen = [SeedVariance(float(of_seeds * q), chance, seeds) for q in quantiles]
        halves = np.array([ContrastVariance(1.0, float("inf"), (one,)).half_width() for one in seen])
        held = 2 * stats.norm.cdf(halves / (1 - chance + of_seeds) ** 0.5) - 1
        assert 0.93 <= held.mean() <= 0.971, (chance, between)


def test_the_average_of_all_differences_is_what_is_simulated() -> None:
    sides = next(World(3, 0.25, 0.4).worlds(1))
    assert lead(sides) == differences(*sides)[AVERAGE]


def test_a_large_effect_is_found_and_more_seeds_find_more() -> None:
    shares = [np.mean(leads(World(seeds, 0.25, 0.4), COUNT)[0] > 0) for seeds in (2, 3, 5, 10)]
    assert shares == sorted(shares)
    assert shares[-1] > 0.6
