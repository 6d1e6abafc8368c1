"""How often intervals hold the truth of simulated worlds, over numbers of seeds, betweens of seeds and effects.

One seed's interval is about that seed: its worlds have no between of seeds. A few worlds of each case are simulated
here, and judged by what chance allows; the numbers of docs/statistics.md are of 2,000 worlds each, which takes minutes:
they are checked as they stand on the page, and one line of them is simulated again in full.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pytest
from scipy import stats

from evals.statistics.calibration import EFFECT, PAGE, lead, of_ours
from evals.statistics.intervals import AVERAGE, Estimate, accuracies, differences
from evals.statistics.simulated_worlds import MICRO, World
from evals.statistics.variance import ContrastVariance, SeedVariance
from evals.statistics.verdict_rule import decide

COUNT = 120  # worlds per case
BETWEEN = {
    1: (0.0,),
    2: (0.0, 0.1, 0.25, 0.6),
    3: (0.0, 0.1, 0.25, 0.6),
    5: (0.0, 0.1, 0.25, 0.6),
    10: (0.0, 0.25, 0.6),
}
CASES = [World(seeds, between, effect) for seeds in BETWEEN for between in BETWEEN[seeds] for effect in (0.0, 0.4)]
FIVE = [World(3, between, 0.4, MICRO) for between in (0.0, 0.25)]  # five benchmarks of the micro world's sizes


@cache
def estimates(world: World) -> list[Estimate]:
    return [lead(sides) for sides in world.worlds(COUNT)]


def held(world: World) -> int:
    return sum(found.low <= world.truth <= found.high for found in estimates(world))


def at_least(share: float, count: int) -> float:
    """What a share of ``count`` worlds falls below once in 1,000 times."""
    return stats.binom.ppf(0.001, count, share) / count


def test_intervals_of_differences_cover_in_every_world() -> None:
    for world in [*CASES, *FIVE]:
        assert held(world) / COUNT >= at_least(0.93, COUNT), world


@pytest.mark.parametrize("seeds", list(BETWEEN))
def test_over_all_betweens_they_cover_93_to_97_percent(seeds: int) -> None:
    worlds = [world for world in CASES if world.seeds == seeds]
    count = COUNT * len(worlds)
    share = sum(map(held, worlds)) / count
    assert share >= at_least(0.93, count)
    assert 1 - share >= at_least(0.03, count)


def test_without_an_effect_at_most_one_in_twenty_is_called_one() -> None:
    """Either claim, that one model leads or that the other does, is supported by mistake at most 5 % of the time."""
    worlds = [world for world in CASES if not world.effect]
    for expect in ("higher", "lower"):
        found = [
            [decide(expect, 100 * one.low, 100 * one.high, tolerance=1.0)[0] for one in estimates(world)].count(
                "supported"
            )
            for world in worlds
        ]
        assert 1 - max(found) / COUNT >= at_least(0.95, COUNT)
        assert sum(found) <= 0.05 * COUNT * len(worlds)


def test_intervals_of_accuracies_cover() -> None:
    """The plain model's accuracy is one half, by symmetry."""
    worlds = [World(1, 0.0, 0.4), World(3, 0.25, 0.4), World(5, 0.25, 0.4)]
    found = [accuracies(theirs)[AVERAGE] for world in worlds for _, theirs in world.worlds(COUNT)]
    share = sum(estimate.low <= 0.5 <= estimate.high for estimate in found) / len(found)
    assert share >= at_least(0.93, len(found))
    assert 1 - share >= at_least(0.03, len(found))


def rows_of_the_page() -> dict[tuple[str, str], list[str]]:
    """The table of 2,000 worlds a number in docs/statistics.md: numbers by its first two columns."""
    table = PAGE.read_text(encoding="utf-8").partition("<!-- coverage -->")[2].partition("<!-- end -->")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]
    return {(seeds, between): numbers for seeds, between, *numbers in cells}


def test_the_page_s_numbers_are_as_required() -> None:
    """93 to 97 % (two standard errors of a share of 2,000 worlds are one point), at most 5 % of leads where none is."""
    for case, (effect, none, lead_seen, _) in rows_of_the_page().items():
        assert min(float(effect), float(none)) >= 92 and max(float(effect), float(none)) <= 98, case
        assert float(lead_seen) <= 5, case


def test_the_page_s_numbers_are_those_of_the_present_code() -> None:
    """One line of the page, simulated again in full: its digits are the same."""
    assert rows_of_the_page()["2", "0.25"][:3] == of_ours(World(2, 0.25, EFFECT))


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
    shares = [np.mean([found.low > 0 for found in estimates(World(seeds, 0.25, 0.4))]) for seeds in (2, 3, 5, 10)]
    assert shares == sorted(shares)
    assert shares[-1] > 0.6
