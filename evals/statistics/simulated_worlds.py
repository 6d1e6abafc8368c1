"""Simulated worlds whose true accuracies are known, to count how often intervals contain them.

A seed shifts accuracies in two ways. Its draw of the base model shifts all methods by the same amount. Each method is
also shifted by an amount of its own (how well it works from this draw, and chance in its training).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from evals.statistics.panels import Panel, Term

Sizes = tuple[tuple[int, int], ...]  # per benchmark: questions, and how many come from one seed problem
SMALL: Sizes = ((120, 5), (120, 1))
MICRO: Sizes = ((200, 10), (210, 1), (208, 1), (210, 1), (204, 3))  # as the micro world's five; WeMath's are 3 or 4
COMMON, OWN = 1.0, 0.5  # standard deviations in logits: how hard a question is for all models, and for one of them
BASE = 0.3  # standard deviation of draws of the base in logits (6 points of accuracy), the same for all methods
Sides = tuple[Term, Term]


@dataclass(frozen=True)
class World:
    """Two models, one of them better by ``effect`` logits; its seeds differ by ``between`` logits besides the base.

    ``between`` 0.1, 0.25 and 0.6 logits are 2, 5 and 12 points of accuracy.
    """

    seeds: int
    between: float  # standard deviation, logits
    effect: float  # logits
    sizes: Sizes = SMALL
    base: float = BASE

    @property
    def truth(self) -> float:
        """Accuracy gained by ``effect``, over all seeds and questions like these."""
        return gained(self.effect, self.between, self.base if self.seeds > 1 else 0.0)

    def draw(self, rng: Generator) -> Sides:
        """Both models' answers to the same questions."""
        better, same = draw_models(rng, self.seeds, (self.effect, 0.0), self.between, self.base, self.sizes)
        return better, same

    def worlds(self, count: int) -> Iterator[Sides]:
        """Draw ``count`` worlds, the same ones in every call."""
        rng = np.random.default_rng([self.seeds, round(1000 * self.between), round(1000 * self.effect)])
        return (self.draw(rng) for _ in range(count))

    def coverage(self, interval: Callable[[Sides], tuple[float, float]], count: int) -> float:
        """Share of ``count`` worlds in which ``interval`` contains the truth."""
        estimates = [interval(sides) for sides in self.worlds(count)]
        return float(np.mean([low <= self.truth <= high for low, high in estimates]))


def gained(effect: float, between: float, base: float) -> float:
    """Accuracy (share) that ``effect`` logits add on average, by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    logits = (COMMON**2 + OWN**2 + between**2 + base**2) ** 0.5 * nodes
    better, same = (weights @ (1 / (1 + np.exp(-(logits + gain)))) / weights.sum() for gain in (effect, 0.0))
    return float(better - same)


def draw_models(
    rng: Generator, seeds: int, effects: tuple[float, ...], between: float, base: float, sizes: Sizes
) -> list[Term]:
    """Answers of several models to the same questions, from the same draws of the base. ``effects``: logits of each.

    With one seed nothing is shifted, because the interval is then about that seed only.
    """
    shifts = np.zeros((len(effects), seeds, 1))
    if seeds > 1:
        shifts = rng.normal(0, base, (1, seeds, 1)) + rng.normal(0, between, (len(effects), seeds, 1))
    models: list[dict[str, Panel]] = [{} for _ in effects]
    for number, (questions, size) in enumerate(sizes):
        clusters = np.arange(questions) // size
        common = rng.normal(0, COMMON, clusters.max() + 1)[clusters]
        for model, shift, gain in zip(models, shifts, effects, strict=True):
            own = rng.normal(0, OWN, clusters.max() + 1)[clusters]
            chance = 1 / (1 + np.exp(-(common + own + shift + gain)))
            model[str(number)] = Panel((rng.random((seeds, questions)) < chance).astype(float), clusters)
    return list(models)
