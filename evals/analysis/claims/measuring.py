"""Measure the number of one part of a claim, with its interval, or say what is missing for it. No torch.

:data:`KINDS` lists what measures each kind of part.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from contracts.errors import DataError
from contracts.gradients import GradientLine
from evals.analysis.cells import Arm, CellFolder
from evals.analysis.claims.gradients import measure_gradients
from evals.analysis.claims.numbers import Measured, Missing
from evals.analysis.claims.records import Accuracy, Gradients, Part, Time, Training
from evals.analysis.paper_steps import of_run
from evals.analysis.timing import timing
from evals.statistics.intervals import Estimate, contrast, equal_weights
from evals.statistics.panels import Panel, paired_terms

BLOCK = 2  # so many neighbouring training steps count as one draw, because they are not independent
Arms = Mapping[tuple[str, str, str], Arm]  # scale, method, variant


@dataclass(frozen=True)
class ClaimEvidence:
    """All results of one world that claims are judged by."""

    arms: Arms
    gradients: Sequence[GradientLine] = field(default=())  # empty: not measured


def measure(part: Part, evidence: ClaimEvidence) -> Measured | Missing:
    """Return the number of a part, or what is missing for it."""
    return KINDS[part.kind](part, evidence)


def compared(part: Part, arms: Arms) -> list[Arm] | Missing:
    """Return the arms that a part compares, ours first, or say which of them were not run."""
    known = {name: arms.get(arm_key(part.scale, name)) for name in part.arms}
    if absent := [_shown(part.scale, name) for name, arm in known.items() if arm is None]:
        return Missing(f"not run: {', '.join(absent)}", cells_of([arm for arm in known.values() if arm]))
    return [arm for arm in known.values() if arm]


def cells_of(arms: Sequence[Arm]) -> list[str]:
    """Names of the arms' cells."""
    return [folder.cell.name for arm in arms for folder in arm.folders]


def arm_key(scale: str, name: str) -> tuple[str, str, str]:
    """Scale, method and variant of an arm named ``<method>[/<variant>]``."""
    method, _, variant = name.partition("/")
    return scale, method, variant or "default"


def _shown(scale: str, name: str) -> str:
    return "/".join([name.partition("/")[0], *arm_key(scale, name)[::2]])


def _accuracy(part: Accuracy, evidence: ClaimEvidence) -> Measured | Missing:
    if isinstance(arms := compared(part, evidence.arms), Missing):
        return arms
    ours, theirs, cells = arms[0], arms[-1], cells_of(arms)
    weights = equal_weights(part.benchmarks) | {name: -weight for name, weight in equal_weights(part.beyond).items()}
    if absent := [name for name in weights if name not in ours.panels or name not in theirs.panels]:
        return Missing(f"not evaluated: {', '.join(absent)}", cells)
    estimate = contrast(paired_terms(ours.panels, theirs.panels, list(weights)), weights, bound=2.0)
    covers = "seeds and questions" if estimate.seeds > 1 else "questions only"
    return Measured(*_points(estimate), estimate.seeds, cells, covers, estimate.variance)


def _points(estimate: Estimate) -> tuple[float, float, float]:
    return 100 * estimate.value, 100 * estimate.low, 100 * estimate.high


def _time(part: Time, evidence: ClaimEvidence) -> Measured | Missing:
    if isinstance(arms := compared(part, evidence.arms), Missing):
        return arms
    ours, theirs, cells = arms[0], arms[-1], cells_of(arms)
    ratio = timing(ours, theirs).over["all steps"]
    seeds = min(len(ours.seeds), len(theirs.seeds))
    covers = "runs on one machine" if seeds > 1 else "training steps of one run"
    return Measured(ratio.value, ratio.low, ratio.high, seeds, cells, covers)


def _training(part: Training, evidence: ClaimEvidence) -> Measured | Missing:
    if isinstance(arms := compared(part, evidence.arms), Missing):
        return arms
    cells = cells_of(arms)
    sides = [[_series(folder, part.quantity) for folder in arm.folders] for arm in arms]
    shared = set.intersection(*(set(series) for side in sides for series in side))
    length = max(int(arm.options["steps"]) for arm in arms)
    windows = {"in": part.steps} | ({"off": part.minus_steps} if part.minus_steps else {})
    windows = {key: of_run(window, length) for key, window in windows.items()}
    steps = {key: [step for step in sorted(shared) if first <= step <= last] for key, (first, last) in windows.items()}
    if not all(steps.values()):
        return Missing(f"{part.quantity} is not known at these steps", cells)
    seeds = [arm.seeds for arm in arms]
    panels = [
        {key: _panel(side, chosen, numbers) for key, chosen in steps.items()}
        for side, numbers in zip(sides, seeds, strict=True)
    ]
    weights = {"in": 1.0, "off": -1.0} if part.minus_steps else {"in": 1.0}
    terms = paired_terms(panels[0], panels[1], list(weights)) if len(panels) == 2 else panels
    estimate = contrast(terms, weights, bound=float("inf"), answer=0.0)
    value, low, high = (number - part.than for number in _points(estimate))
    covers = "seeds and training steps" if estimate.seeds > 1 else "training steps of one seed"
    return Measured(value, low, high, estimate.seeds, cells, covers, estimate.variance)


def _panel(side: Sequence[Mapping[int, float]], steps: Sequence[int], seeds: tuple[int, ...]) -> Panel:
    """Make a panel with steps instead of questions, and blocks of neighbouring steps instead of seed problems."""
    values = np.array([[series[step] for step in steps] for series in side])
    return Panel(values, np.arange(len(steps)) // BLOCK, tuple(map(str, steps)), seeds)


def _series(folder: CellFolder, quantity: str) -> dict[int, float]:
    """Values of a logged quantity by step, where it is present; empty if the cell does not log it."""
    group, _, name = quantity.rpartition(".")
    if group == "credit":
        lines = _credit_lines(folder)
    else:
        steps = folder.steps if folder.run is not None else []
        lines = [step.model_dump() for step in steps]
        lines = [{"step": line["step"]} | (line[group] or {}) for line in lines] if group else lines
    return {line["step"]: float(line[name]) for line in lines if line.get(name) is not None}


def _credit_lines(folder: CellFolder) -> list[dict[str, Any]]:
    """``credit.jsonl``; empty where the engine kept no rollouts."""
    path = folder.path / "credit.jsonl"
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise DataError(str(path), f"cannot be read ({error})", "train the cell again", delete_and_rerun=True) from None


def _gradients(part: Gradients, evidence: ClaimEvidence) -> Measured | Missing:
    return measure_gradients(part, evidence.gradients)


# What measures each kind of part; the kinds themselves are the classes of ``records.py``.
KINDS: Mapping[str, Callable[[Any, ClaimEvidence], Measured | Missing]] = {
    "accuracy": _accuracy,
    "training": _training,
    "time": _time,
    "gradients": _gradients,
}
