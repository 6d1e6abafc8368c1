"""Worlds whose truth is known, to see how often intervals hold it: two models, some benchmarks, any number of seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from evals.statistics.panels import Panel, Term

Sizes = tuple[tuple[int, int], ...]  # per benchmark: questions, and how many come from one seed problem
SMALL: Sizes = ((120, 5), (120, 1))
MICRO: Sizes = ((200, 10), (210, 1), (208, 1), (210, 1), (204, 3))  # as the micro world's five; WeMath's are 3 or 4
COMMON, OWN = 1.0, 0.5  # logits by which a question is harder for all models, and for one of them
Sides = tuple[Term, Term]


@dataclass(frozen=True)
class World:
    """Seeds ``spread`` logits apart (0.1, 0.25, 0.6: 2, 5, 12 points of accuracy), one model better by ``effect``."""

    seeds: int
    spread: float
    effect: float  # logits
    sizes: Sizes = SMALL

    @property
    def truth(self) -> float:
        """Accuracy gained by ``effect``, over all seeds and questions like these; Gauss-Hermite quadrature."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(60)
        logits = (COMMON**2 + OWN**2 + self.spread**2) ** 0.5 * nodes
        better, same = (weights @ (1 / (1 + np.exp(-(logits + gain)))) / weights.sum() for gain in (self.effect, 0.0))
        return float(better - same)

    def draw(self, rng: Generator) -> Sides:
        """Both models' answers to the same questions."""
        shifts = rng.normal(0, self.spread, (2, self.seeds, 1)) if self.seeds > 1 else np.zeros((2, 1, 1))
        sides: tuple[dict[str, Panel], dict[str, Panel]] = ({}, {})
        for number, (questions, size) in enumerate(self.sizes):
            clusters = np.arange(questions) // size
            common = rng.normal(0, COMMON, clusters.max() + 1)[clusters]
            for side, shift, gain in zip(sides, shifts, (self.effect, 0.0), strict=True):
                own = rng.normal(0, OWN, clusters.max() + 1)[clusters]
                chance = 1 / (1 + np.exp(-(common + own + shift + gain)))
                side[str(number)] = Panel((rng.random((self.seeds, questions)) < chance).astype(float), clusters)
        return sides

    def worlds(self, count: int) -> Iterator[Sides]:
        """``count`` worlds, the same every time."""
        rng = np.random.default_rng([self.seeds, round(1000 * self.spread), round(1000 * self.effect)])
        return (self.draw(rng) for _ in range(count))

    def coverage(self, interval: Callable[[Sides], tuple[float, float]], count: int) -> float:
        """Share of ``count`` worlds in which ``interval`` holds the truth."""
        found = [interval(sides) for sides in self.worlds(count)]
        return float(np.mean([low <= self.truth <= high for low, high in found]))
