"""What tables read of any measurement at policies: which policies and seeds there are, and all numbers in long form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from contracts.gradients import GradientLine, GradientReport
from contracts.truth import TruthLine, TruthReport

L = TypeVar("L", GradientLine, TruthLine)
R = TypeVar("R", GradientReport, TruthReport)


@dataclass(frozen=True)
class MeasuredPolicies(Generic[L, R]):
    """All numbers of one world, and what they were measured on."""

    lines: Sequence[L]
    reports: Sequence[R]

    @property
    def policies(self) -> list[tuple[str, str]]:
        """Scale and state of each policy, in the order of the measurements."""
        return list(dict.fromkeys((report.scale, report.state) for report in self.reports))

    def of_policy(self, scale: str, state: str) -> list[R]:
        """The measurements of one policy, one for each seed."""
        return [report for report in self.reports if (report.scale, report.state) == (scale, state)]

    @property
    def seeds(self) -> list[int]:
        """Every seed, in order."""
        return sorted({report.seed for report in self.reports})

    def long_form(self) -> list[dict[str, Any]]:
        """Every number of every seed, with its world and base model."""
        about = {(r.scale, r.state, r.seed): {"world": r.world, "model": r.model_name} for r in self.reports}
        return [{**about.get((line.scale, line.state, line.seed), {}), **line.model_dump()} for line in self.lines]
