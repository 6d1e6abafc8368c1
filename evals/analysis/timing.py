"""How long training took: seconds of a step by phase, and time divided by GRPO's, with intervals over runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from contracts.records import Run, TrainingStep
from evals.analysis.cells import Arm, CellFolder
from evals.statistics.ratios import Ratio, ratio_of_means

PHASES = ("rollout", "verify", "score", "teacher", "update", "keep")  # in the order of a step; others follow by name


@dataclass(frozen=True)
class StepTiming:
    """Times of one arm, averaged over the steps of all its seeds."""

    phases: dict[str, float]  # seconds per step; "prepare": its share of what was spent on a prepared model
    step: float  # seconds per step, all phases
    deciles: tuple[float, float]  # 10 % and 90 % quantile of a step's seconds
    tokens: float  # response tokens per step
    minutes: float  # of a complete run: its steps, loading, validating and saving, and all of a prepared model
    memory_mb: float  # largest of all seeds
    over: dict[str, Ratio]  # time over GRPO's: "all steps", "teachers asked", "per token"


def timing(arm: Arm, grpo: Arm | None) -> StepTiming:
    """Read the times of an arm from its logs. ``over`` is empty without ``grpo`` and for GRPO itself."""
    steps = [step for folder in arm.folders for step in steps_of(folder)]
    seconds = np.array([_all(step) for step in steps])
    runs = [folder.run for folder in arm.folders if folder.run is not None]
    low, high = np.quantile(seconds, [0.1, 0.9])
    return StepTiming(
        phases={
            name: float(np.mean([step.seconds.get(name, 0.0) for step in steps]))
            for name in in_order(name for s in steps for name in s.seconds)
        },
        step=float(seconds.mean()),
        deciles=(float(low), float(high)),
        tokens=float(np.mean([step.tokens for step in steps])),
        minutes=float(np.mean([sum(run.seconds.values()) + prepared_seconds(run) for run in runs])) / 60,
        memory_mb=max(run.peak_memory_mb for run in runs),
        over={} if grpo is None or grpo is arm else _over(arm, grpo),
    )


def steps_of(folder: CellFolder) -> list[TrainingStep]:
    """The steps of a run, each with its share of what was spent on the model that was prepared for the run."""
    spent = 0.0 if folder.run is None else prepared_seconds(folder.run)
    if not spent:
        return folder.steps
    share = {"prepare": spent / len(folder.steps)}
    return [step.model_copy(update={"seconds": step.seconds | share}) for step in folder.steps]


def prepared_seconds(run: Run) -> float:
    """Seconds spent on the model that was prepared for a run; runs that share one each count all of it."""
    return 0.0 if run.prepared is None else run.prepared.seconds


def in_order(phases: Iterable[str]) -> list[str]:
    """Names of phases, each once, in the order of a step."""
    names = set(phases)
    return [name for name in PHASES if name in names] + sorted(names - set(PHASES))


def _all(step: TrainingStep) -> float:
    return sum(step.seconds.values())


def _asked(step: TrainingStep) -> bool:
    return step.seconds.get("teacher", 0.0) > 0


def _per_token(step: TrainingStep) -> float:
    return _all(step) / step.tokens


def _over(arm: Arm, grpo: Arm) -> dict[str, Ratio]:
    """Ratios over the steps that both arms have. With the same seed, methods have the same problems at a step."""
    pairs = [
        (step, same, run)
        for run, (one, other) in enumerate(zip(arm.folders, grpo.folders, strict=False))
        for step in steps_of(one)
        for same in steps_of(other)[step.step - 1 : step.step]
    ]
    asked = [pair for pair in pairs if _asked(pair[0])]
    ratios = {"all steps": _ratio(pairs, _all), "per token": _ratio(pairs, _per_token)}
    return ratios | ({"teachers asked": _ratio(asked, _all)} if asked else {})


def _ratio(pairs: list[tuple[TrainingStep, TrainingStep, int]], measure: Callable[[TrainingStep], float]) -> Ratio:
    ours = np.array([measure(step) for step, _, _ in pairs])
    theirs = np.array([measure(same) for _, same, _ in pairs])
    _, kinds = np.unique([_asked(step) for step, _, _ in pairs], return_inverse=True)
    _, runs = np.unique([run for _, _, run in pairs], return_inverse=True)
    return ratio_of_means(ours, theirs, kinds, runs)
