"""Panels: the outcome of every seed on every question of one benchmark, as shares (0-1). No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class Panel:
    """Outcomes of S seeds on the N questions of one benchmark. ``clusters``: the seed problem of each, from 0."""

    values: Float[np.ndarray, "S N"]
    clusters: Int[np.ndarray, " N"]
    questions: tuple[str, ...] = ()  # hash of each question: two panels are paired only if these agree
    seeds: tuple[int, ...] = ()  # of training, in order; two panels are paired by those that both have

    @cached_property
    def sizes(self) -> Int[np.ndarray, " C"]:
        """Questions per seed problem."""
        return np.bincount(self.clusters)

    @cached_property
    def means(self) -> Float[np.ndarray, " S"]:
        """Mean of each seed."""
        return self.values.mean(axis=1)

    @cached_property
    def influence(self) -> Float[np.ndarray, "S C"]:
        """How much each seed problem moves the mean of a seed: its deviations, summed and divided by N."""
        sums = np.stack([np.bincount(self.clusters, row, len(self.sizes)) for row in self.values])
        return (sums - self.means[:, None] * self.sizes) / len(self.clusters)

    def __sub__(self, other: Panel) -> Panel:
        """Subtract question by question and seed by seed."""
        return Panel(self.values - other.values, self.clusters, self.questions, self.seeds)

    def __neg__(self) -> Panel:
        return Panel(-self.values, self.clusters, self.questions, self.seeds)


# A contrast is a sum of terms whose seeds are independent of one another; each term maps benchmarks to panels.
Term = Mapping[str, Panel]


def paired_terms(ours: Term, theirs: Term, names: list[str]) -> list[Term]:
    """``ours - theirs``: one term of the seeds that both have, two where they share none.

    Seeds that only one side has are left out: each has a base model of its own, and those differ by more than methods.
    ValueError if the two answered different questions.
    """
    if differing := [name for name in names if ours[name].questions != theirs[name].questions]:
        raise ValueError(f"{differing[0]}: the two sides answered different questions")
    pairs = {name: _of_shared_seeds(ours[name], theirs[name]) for name in names}
    if all(pair is not None for pair in pairs.values()):
        return [{name: pair[0] - pair[1] for name, pair in pairs.items() if pair is not None}]
    return [{name: ours[name] for name in names}, {name: -theirs[name] for name in names}]


def _of_shared_seeds(ours: Panel, theirs: Panel) -> tuple[Panel, Panel] | None:
    """The two panels with the seeds that both have; None if they share none."""
    if ours.seeds == theirs.seeds:
        return (ours, theirs) if len(ours.values) == len(theirs.values) else None
    shared = [seed for seed in ours.seeds if seed in theirs.seeds]
    return (_only(ours, shared), _only(theirs, shared)) if shared else None


def _only(panel: Panel, seeds: Sequence[int]) -> Panel:
    values = panel.values[[panel.seeds.index(seed) for seed in seeds]]
    return Panel(values, panel.clusters, panel.questions, tuple(seeds))
