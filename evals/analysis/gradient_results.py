"""Measured gradients of one world, read for tables, figures and claims: numbers averaged over seeds. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from contracts.errors import DataError
from contracts.gradients import ESTIMATES, MEASUREMENTS, TARGET, UNTRAINED, GradientLine, GradientReport
from contracts.reading import read_lines
from evals.analysis.display import method_name, method_rank
from evals.analysis.measured_policies import MeasuredPolicies
from evals.statistics.intervals import Bounded
from evals.statistics.variance import quantile_of

FOLDER = "gradients"  # beside the folders of tables and figures
LEVEL = 0.95
RATIOS = ("snr", "samples")  # quantities that are positive
Key = tuple[str, str, str, str, str | None]  # scale, state, quantity, arm, the arm it is compared with


class NumberLine(Bounded, Protocol):
    """A number of one seed."""

    @property
    def quantity(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class GradientNumber:
    """A number with its 95 % interval; None: not known."""

    value: float
    low: float | None
    high: float | None
    seeds: int

    @property
    def covers(self) -> str:
        """What the interval is over."""
        return "seeds and batches" if self.seeds > 1 else "batches of one seed"


@dataclass(frozen=True)
class MeasuredGradients(MeasuredPolicies[GradientLine, GradientReport]):
    """All numbers of one world, and what they were measured on."""

    def arms(self, scale: str, state: str) -> list[str]:
        """Names of the arms, the paper's methods first, the policy gradient last."""
        names = dict.fromkeys(name for report in self.of_policy(scale, state) for name in report.methods)
        return sorted(names, key=lambda name: (name == TARGET, arm_rank(name)))

    def number(
        self, scale: str, state: str, quantity: str, method: str, theirs: str | None = None
    ) -> GradientNumber | None:
        """One number over all seeds; None where it was not measured or could not be computed."""
        wanted = (scale, state, quantity, arm(method), theirs and arm(theirs))
        return over_seeds(self._by_key.get(wanted, []))

    @cached_property
    def _by_key(self) -> dict[Key, list[GradientLine]]:
        found: dict[Key, list[GradientLine]] = {}
        for line in self.lines:
            found.setdefault(_key(line), []).append(line)
        return found


def read_measured(results: Path) -> MeasuredGradients:
    """The gradients measured below ``results``; DataError where there are none, or a file is broken."""
    folder = results / FOLDER
    if not (folder / ESTIMATES).exists():
        raise DataError(str(folder), "no gradients were measured", "run: make gradients")
    return MeasuredGradients(
        read_lines(GradientLine, folder / ESTIMATES), read_lines(GradientReport, folder / MEASUREMENTS)
    )


def over_seeds(lines: Sequence[NumberLine]) -> GradientNumber | None:
    """Mean over seeds with Student's interval over them; with one seed, the interval over its batches.

    Seeds are what is repeated. Each seed's number also holds the chance of its batches, so the interval over seeds
    covers both. Of what is a ratio the logarithms are averaged, as in the interval over batches.
    """
    if not lines:
        return None
    if len(lines) == 1:
        return GradientNumber(lines[0].value, lines[0].low, lines[0].high, 1)
    ratio = lines[0].quantity in RATIOS
    values = np.array([math.log(line.value) if ratio else line.value for line in lines])
    half = quantile_of(len(values) - 1, LEVEL) * float(values.std(ddof=1)) / len(values) ** 0.5
    mean = float(values.mean())
    ends = (math.exp(end) if ratio else end for end in (mean, mean - half, mean + half))
    return GradientNumber(*ends, seeds=len(values))


def arm(name: str) -> str:
    """``cepo/default`` and ``cepo`` are the same arm."""
    return name.removesuffix("/default")


def arm_name(name: str) -> str:
    """How an arm is called in tables and figures."""
    return "policy gradient" if name == TARGET else method_name(*_parts(name))


def arm_rank(name: str) -> tuple[int, str, bool, str]:
    """The place of an arm among others: the paper's methods first."""
    return method_rank(*_parts(name))


def state_name(state: str) -> str:
    """How a policy is called in tables and figures: ``untrained``, ``after GRPO`` or ``after GRPO (steps=20)``."""
    return "untrained" if state == UNTRAINED else f"after {method_name('grpo', state)}"


def _parts(name: str) -> tuple[str, str]:
    method, _, variant = name.partition("/")
    return method, variant or "default"


def _key(line: GradientLine) -> Key:
    return line.scale, line.state, line.quantity, arm(line.method), line.theirs and arm(line.theirs)
