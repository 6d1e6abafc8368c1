"""Curves of the training figures: one for each arm, averaged over seeds at the steps that all seeds have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from contracts.records import TrainingStep
from contracts.rollouts import CreditLine
from evals.analysis.cells import Arm, CellFolder
from evals.analysis.published.numbers import Exhibit

WINDOW = 5  # steps of the moving average of reward curves


@dataclass(frozen=True)
class Curve:
    """Mean over seeds with the range of the seeds, by step; in percent or in units of reward."""

    steps: Int[np.ndarray, " N"]
    mean: Float[np.ndarray, " N"]
    low: Float[np.ndarray, " N"]
    high: Float[np.ndarray, " N"]
    seeds: int

    def smoothed(self, window: int = WINDOW) -> Curve:
        """Centred moving average over ``window`` steps, over fewer where the curve begins and ends."""
        ends = [slice(max(i - window // 2, 0), i + window // 2 + 1) for i in range(len(self.steps))]
        mean, low, high = (
            np.array([values[part].mean() for part in ends]) for values in (self.mean, self.low, self.high)
        )
        return Curve(self.steps, mean, low, high, self.seeds)


def validation(arm: Arm) -> Curve | None:
    """Validation accuracy in percent, step 0 included where known; None if the cells did not validate."""
    return _over_seeds([_validation_of(folder) for folder in arm.folders])


def validation_minus(arm: Arm, partner: Arm) -> Curve | None:
    """Validation accuracy minus a partner's, in points, over the seeds and steps that both have; None without any."""
    theirs = {folder.cell.seed: _validation_of(folder) for folder in partner.folders}
    series = [
        {step: value - other[step] for step, value in _validation_of(folder).items() if step in other}
        for folder in arm.folders
        if (other := theirs.get(folder.cell.seed)) is not None
    ]
    return _over_seeds(series) if series else None


def reward(arm: Arm) -> Curve | None:
    """Mean reward of the rollouts of each step."""
    return _over_seeds([_field(folder.steps, lambda step: step.reward_mean) for folder in arm.folders])


def evidence(arm: Arm, share: Callable[[CreditLine], float | None]) -> Curve | None:
    """A share of tokens in percent, of the steps at which the teachers were asked."""
    seeds = [{line.step: 100 * value for line in f.credit if (value := share(line)) is not None} for f in arm.folders]
    return _over_seeds(seeds)


def paper_curve(figure: Exhibit, series: str) -> Curve | None:
    """The paper's points of one method; None if it has none."""
    points = {
        int(p.x): p.value for p in figure.points if p.series == series and p.x is not None and p.value is not None
    }
    return _over_seeds([points])


def _validation_of(folder: CellFolder) -> dict[int, float]:
    accuracies = _field(folder.steps, lambda step: step.val_accuracy)
    if folder.run is not None and folder.run.val_accuracy_start is not None:
        accuracies[0] = folder.run.val_accuracy_start
    return {step: 100 * share for step, share in accuracies.items()}


def _field(steps: Sequence[TrainingStep], get: Callable[[TrainingStep], float | None]) -> dict[int, float]:
    return {step.step: value for step in steps if (value := get(step)) is not None}


def _over_seeds(series: list[dict[int, float]]) -> Curve | None:
    shared = sorted(set.intersection(*(set(one) for one in series)))
    if not shared:
        return None
    values = np.array([[one[step] for step in shared] for one in series])
    return Curve(np.array(shared), values.mean(axis=0), values.min(axis=0), values.max(axis=0), len(series))
