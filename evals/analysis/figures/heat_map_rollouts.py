"""Rollouts for heat maps: the same responses under every method's credit, from the samples that credit.jsonl holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from contracts.rollouts import ScoredRollout
from evals.analysis.cells import Arm


@dataclass(frozen=True)
class Shown:
    """One response and the weight that each method gave its tokens: credit over advantage."""

    sample: ScoredRollout
    weights: dict[str, list[float]]  # by the method's name in tables


@dataclass(frozen=True)
class HeatMap:
    """What is shown of one scale."""

    scale: str
    model: str
    shown: list[Shown]
    left_out: list[str]  # arms that give credit but drew other responses

    @cached_property
    def reach(self) -> float:
        """The largest distance of a weight from 1, at least 0.01: where colours end."""
        weights = [w for one in self.shown for by in one.weights.values() for w in by]
        return max([abs(w - 1) for w in weights] + [0.01])


def heat_map(arms: Sequence[Arm]) -> HeatMap | None:
    """The heat map of one scale's default arms that have a sample, from their first seeds; None without any."""
    samples = {arm: rollouts for arm in arms if arm.variant == "default" and (rollouts := _sample(arm))}
    if not samples:
        return None
    leader, first = next(iter(samples.items()))
    alike = {arm: rollouts for arm, rollouts in samples.items() if _responses(rollouts) == _responses(first)}
    shown = [
        Shown(sample, {arm.name: rollouts[number].weights for arm, rollouts in alike.items()})
        for number, sample in enumerate(first)
    ]
    return HeatMap(leader.scale, leader.model, shown, [arm.name for arm in samples if arm not in alike])


def _sample(arm: Arm) -> list[ScoredRollout]:
    return [one for line in arm.folders[0].credit for one in line.sample]


def _responses(samples: Sequence[ScoredRollout]) -> list[tuple[str, list[str]]]:
    return [(one.problem, one.tokens) for one in samples]
