"""Intervals of many simulated worlds at once: the formula of evals/statistics/variance.py, written for arrays."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import special

from evals.statistics.simulated_worlds import World
from evals.statistics.variance import DOUBT, NOISE_SHARE, STEEPNESS


@cache
def leads(world: World, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of the interval of the average of differences, in each of ``count`` worlds."""
    drawn = [[ours[name].values - theirs[name].values for name in ours] for ours, theirs in world.worlds(count)]
    sides = next(world.worlds(1))[0]
    panels = [
        (np.stack(values), sides[name].clusters) for values, name in zip(zip(*drawn, strict=True), sides, strict=True)
    ]
    weight = 1 / len(panels)
    known = floor = uncertainty = chance = means = 0.0
    for values, clusters in panels:  # worlds x seeds x questions
        members = (clusters[:, None] == np.arange(clusters.max() + 1)).astype(float)
        size = members.sum(axis=0)
        mean = values.mean(axis=-1)
        influence = (values @ members - mean[..., None] * size) / len(clusters)  # worlds x seeds x seed problems
        seeds, count_of = influence.shape[1:]
        correction = count_of / (count_of - 1) * weight**2
        part = correction * (influence.mean(axis=1) ** 2).sum(axis=-1)
        known, uncertainty = known + part, uncertainty + part**2 / (count_of - 1)
        floor += 2 * (weight / (len(clusters) + 2)) ** 2
        means = means + weight * mean
        if seeds > 1:
            rest = influence - influence.mean(axis=1, keepdims=True)
            chance = chance + correction * (rest**2).sum(axis=(1, 2)) / (seeds - 1) / seeds
    quantile = special.stdtrit(known**2 / uncertainty, 0.975)
    known = np.maximum(known, floor)
    squares = quantile**2 * np.maximum(known - chance, 0.0)
    if world.seeds > 1:
        squares += _of_seeds(means, known, chance, quantile)
    value, half = means.mean(axis=1), squares**0.5
    return np.maximum(value - half, -1.0), np.minimum(value + half, 1.0)


def _of_seeds(means: np.ndarray, known: np.ndarray, chance: np.ndarray, quantile: np.ndarray) -> np.ndarray:
    """The part of the squared half-width that seeds add."""
    seeds = means.shape[1]
    seen = np.var(means, axis=1, ddof=1) / seeds
    doubt = DOUBT * known * (1 - 1 / seeds)
    student = special.stdtrit(seeds - 1, 0.975)
    with np.errstate(divide="ignore"):  # seeds that agree exactly: the second part is 0 then
        between = student**2 * seen / (1 + (doubt / seen) ** STEEPNESS)
    return np.maximum(NOISE_SHARE * quantile**2 * chance, between)
