"""How many seeds it takes to see a difference, by simulating the interval that tables and verdicts use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evals.statistics.variance import ContrastVariance, SeedVariance

CHANCE = 0.8  # points: standard error of a paired difference of two trained micro arms, one seed, 1,032 questions
DRAWS = 1500  # simulations; a chance of 80 % is then known to 1 %
POWER = 0.8
MOST = 64
DIFFERENCES = (1.0, 2.0, 3.0, 5.0, 10.0)  # points
BETWEEN = (0.0, 0.5, 1.0, 2.0)  # points: standard deviation between seeds of the difference


def power(difference: float, between: float, seeds: int, chance: float = CHANCE) -> float:
    """Chance that the 95 % interval over ``seeds`` >= 2 seeds lies above 0.

    ``difference``, ``between`` (standard deviation between seeds) and ``chance`` (standard error of one seed by chance
    in its answers) are in points. It is assumed that no question favours one of the models.
    """
    rng = np.random.default_rng(seeds)
    noise = chance**2 / seeds
    variance = noise + between**2 / seeds
    seen = variance * rng.chisquare(seeds - 1, DRAWS) / (seeds - 1)
    drawn = rng.normal(difference, variance**0.5, DRAWS)
    halves = [
        ContrastVariance(noise, float("inf"), (SeedVariance(float(one), noise, seeds),)).half_width() for one in seen
    ]
    return float(np.mean(drawn > np.array(halves)))


def seeds_for(difference: float, between: float) -> int | None:
    """Fewest seeds with a :func:`power` of 80 %; None if 64 are too few."""
    return next((seeds for seeds in _candidates() if power(difference, between, seeds) >= POWER), None)


def _candidates() -> Sequence[int]:
    """Numbers of seeds to try: each one up to 10, then with growing gaps."""
    return [*range(2, 11), 12, 14, 16, 20, 24, 32, 48, MOST]


def table() -> str:
    """Table of the seeds that are needed, as Markdown."""
    head = "| difference (points) | " + " | ".join(f"seeds {between:g} points apart" for between in BETWEEN) + " |"
    rule = "| --: |" + " --: |" * len(BETWEEN)
    lines = [
        f"| {difference:g} | " + " | ".join(_shown(seeds_for(difference, between)) for between in BETWEEN) + " |"
        for difference in DIFFERENCES
    ]
    return "\n".join([head, rule, *lines])


def _shown(seeds: int | None) -> str:
    return f"more than {MOST}" if seeds is None else str(seeds)
