"""The number behind one part of a claim, from the cells of one world: arms, interval, or what is missing. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from contracts.errors import DataError
from evals.analysis.cells import Arm, CellFolder
from evals.analysis.claims.records import Accuracy, Time, Training
from evals.analysis.timing import timing
from evals.statistics.intervals import Estimate, contrast, equal_weights
from evals.statistics.panels import Panel, paired_terms
from evals.statistics.variance import Spread

BLOCK = 2  # neighbouring training steps that count as one draw, as they are not independent
Arms = Mapping[tuple[str, str, str], Arm]  # scale, method, variant


@dataclass(frozen=True)
class Measured:
    """A number with its 95 % interval, in the unit of the measure (points, or a ratio); None: not known."""

    value: float
    low: float | None
    high: float | None
    seeds: int
    cells: list[str]
    covers: str  # what the interval is over
    spread: Spread | None = None  # as shares; None where more seeds are not what it takes


@dataclass(frozen=True)
class Missing:
    """Why there is no number."""

    reason: str
    cells: list[str]  # those that are there


def measure(part: Accuracy | Training | Time, arms: Arms) -> Measured | Missing:
    """The number of a part, or what is missing; the arms of one world."""
    names = [name for name in (part.ours, part.theirs) if name]
    found = {name: arms.get(_key(part.scale, name)) for name in names}
    there = [arm for arm in found.values() if arm is not None]
    cells = [folder.cell.name for arm in there for folder in arm.folders]
    if absent := [_shown(part.scale, name) for name, arm in found.items() if arm is None]:
        return Missing(f"not run: {', '.join(absent)}", cells)
    ours, theirs = there[0], there[-1]
    if isinstance(part, Accuracy):
        return _accuracy(part, ours, theirs, cells)
    if isinstance(part, Time):
        return _time(part, ours, theirs, cells)
    return _training(part, ours, theirs if part.theirs else None, cells)


def _key(scale: str, name: str) -> tuple[str, str, str]:
    method, _, variant = name.partition("/")
    return scale, method, variant or "default"


def _shown(scale: str, name: str) -> str:
    return "/".join([name.partition("/")[0], *_key(scale, name)[::2]])


def _accuracy(part: Accuracy, ours: Arm, theirs: Arm, cells: list[str]) -> Measured | Missing:
    weights = equal_weights(part.benchmarks) | {name: -weight for name, weight in equal_weights(part.beyond).items()}
    if absent := [name for name in weights if name not in ours.panels or name not in theirs.panels]:
        return Missing(f"not evaluated: {', '.join(absent)}", cells)
    found = contrast(paired_terms(ours.panels, theirs.panels, list(weights)), weights, bound=2.0)
    covers = "seeds and questions" if found.seeds > 1 else "questions only"
    return Measured(*_points(found), found.seeds, cells, covers, found.spread)


def _points(found: Estimate) -> tuple[float, float, float]:
    return 100 * found.value, 100 * found.low, 100 * found.high


def _time(part: Time, ours: Arm, theirs: Arm, cells: list[str]) -> Measured:
    found = timing(ours, theirs).over["all steps"]
    seeds = min(len(ours.seeds), len(theirs.seeds))
    covers = "runs on one machine" if seeds > 1 else "training steps of one run"
    return Measured(found.value, found.low, found.high, seeds, cells, covers)


def _training(part: Training, ours: Arm, theirs: Arm | None, cells: list[str]) -> Measured | Missing:
    sides = [[_series(folder, part.quantity) for folder in arm.folders] for arm in (ours, theirs) if arm]
    shared = set.intersection(*(set(series) for side in sides for series in side))
    windows = {"in": part.steps} | ({"off": part.minus_steps} if part.minus_steps else {})
    steps = {key: [step for step in sorted(shared) if first <= step <= last] for key, (first, last) in windows.items()}
    if not all(steps.values()):
        return Missing(f"{part.quantity} is not known at these steps", cells)
    seeds = [arm.seeds for arm in (ours, theirs) if arm]
    panels = [
        {key: _panel(side, chosen, numbers) for key, chosen in steps.items()}
        for side, numbers in zip(sides, seeds, strict=True)
    ]
    weights = {"in": 1.0, "off": -1.0} if part.minus_steps else {"in": 1.0}
    terms = paired_terms(panels[0], panels[1], list(weights)) if theirs else panels
    found = contrast(terms, weights, bound=float("inf"), answer=0.0)
    value, low, high = (number - part.than for number in _points(found))
    covers = "seeds and training steps" if found.seeds > 1 else "training steps of one seed"
    return Measured(value, low, high, found.seeds, cells, covers, found.spread)


def _panel(side: Sequence[Mapping[int, float]], steps: Sequence[int], seeds: tuple[int, ...]) -> Panel:
    """Steps in the place of questions, blocks of neighbours in the place of seed problems."""
    values = np.array([[series[step] for step in steps] for series in side])
    return Panel(values, np.arange(len(steps)) // BLOCK, tuple(map(str, steps)), seeds)


def _series(folder: CellFolder, quantity: str) -> dict[int, float]:
    """A logged quantity by step, without the steps at which it is absent; empty if the cell logs no such thing."""
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
