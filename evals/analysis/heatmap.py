"""Rollouts for heat maps: the same responses under every method's credit.

At the first step every cell of a seed still is the base model and draws the same responses, so the rollouts that cells
kept of it can be laid over each other without scoring anything again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from evals.analysis.cells import Arm
from methods.micro.labels import label
from workflows.lib.rollouts import Rollout

PROBLEMS = 3  # shown, each with a right and a wrong rollout
Key = tuple[str, int]  # problem and place in its group


@dataclass(frozen=True)
class Shown:
    """One response and the weight that each method gave its tokens: credit over advantage."""

    problem: str
    correct: bool
    tokens: tuple[str, ...]
    weights: dict[str, tuple[float, ...]]  # by the method's name in tables
    decisive: tuple[bool, ...]
    slipped: tuple[bool, ...]


@dataclass(frozen=True)
class HeatMap:
    """What is shown of one scale."""

    scale: str
    model: str
    seed: int
    shown: list[Shown]
    left_out: list[str]  # arms that give credit but drew other responses

    @cached_property
    def reach(self) -> float:
        """The largest distance of a weight from 1, at least 0.01: where colours end."""
        weights = [w for one in self.shown for by in one.weights.values() for w in by]
        return max([abs(w - 1) for w in weights], default=0.0) or 0.01


def heat_map(arms: Sequence[Arm], world: str) -> HeatMap | None:
    """The heat map of one scale's default arms that give credit; None if nothing was kept of the first step."""
    first = {arm: _first_step(arm) for arm in arms if arm.variant == "default"}
    first = {arm: rows for arm, rows in first.items() if any(row.credit is not None for row in rows.values())}
    if not first:
        return None
    leader, *others = first
    shared = {arm: rows for arm, rows in first.items() if _same_responses(first[leader], rows)}
    folder = leader.folders[0]
    left_out = [arm.name for arm in others if arm not in shared]
    return HeatMap(leader.scale, leader.model, folder.cell.seed, _pairs(shared, world), left_out)


def _first_step(arm: Arm) -> dict[Key, Rollout]:
    return {(row.problem, row.member): row for row in arm.folders[0].rollouts if row.step == 1}


def _same_responses(one: dict[Key, Rollout], other: dict[Key, Rollout]) -> bool:
    return one.keys() == other.keys() and all(one[key].tokens == other[key].tokens for key in one)


def _pairs(shared: dict[Arm, dict[Key, Rollout]], world: str) -> list[Shown]:
    """The first right and the first wrong rollout of the first problems that have both; wrong ones with a slip."""
    rows = next(iter(shared.values()))
    found: list[Shown] = []
    for problem in dict.fromkeys(problem for problem, _ in rows):
        options = [_show(key, shared, world) for key, row in rows.items() if key[0] == problem and row.advantage != 0]
        right = next((one for one in options if one.correct), None)
        wrong = next((one for one in options if not one.correct and (any(one.slipped) or world != "micro")), None)
        if right and wrong and len(found) < 2 * PROBLEMS:
            found += [right, wrong]
    return found


def _show(key: Key, shared: dict[Arm, dict[Key, Rollout]], world: str) -> Shown:
    row = next(iter(shared.values()))[key]
    nothing = [False] * len(row.tokens)
    flags = label(row.problem, row.tokens, row.truncated) if world == "micro" else None
    decisive, slipped = flags or (nothing, nothing)
    weights = {arm.name: tuple(c / row.advantage for c in rows[key].credit or ()) for arm, rows in shared.items()}
    return Shown(row.problem, row.correct, tuple(row.tokens), weights, tuple(decisive), tuple(slipped))
