"""Measured advantages of tokens of one world, read for tables and figures: numbers averaged over seeds. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import DataError
from contracts.reading import read_lines
from contracts.truth import (
    ESTIMATES,
    FOLDER,
    LABELS,
    MEASUREMENTS,
    SHOWN,
    TRUTH,
    ArmFacts,
    TruthLine,
    TruthReport,
    TruthRollout,
)
from evals.analysis.gradient_results import GradientNumber, arm, arm_name, arm_rank, over_seeds
from evals.analysis.measured_policies import MeasuredPolicies


@dataclass(frozen=True)
class MeasuredTruth(MeasuredPolicies[TruthLine, TruthReport]):
    """All numbers of one world, what they were measured on, and rollouts to look at."""

    shown: Sequence[TruthRollout]

    def rows(self, scale: str, state: str) -> list[str]:
        """Names of the arms, the paper's methods first; then the labels of tokens, where there are any."""
        reports = self.of_policy(scale, state)
        names = dict.fromkeys(facts.name for report in reports for facts in report.arms)
        labelled = any(line.method == LABELS for line in self._of(scale, state))
        return [*sorted(names, key=arm_rank), *([LABELS] if labelled else [])]

    def number(self, scale: str, state: str, quantity: str, method: str) -> GradientNumber | None:
        """One number over all seeds; None where it was not measured or could not be computed."""
        found = [
            line for line in self._of(scale, state) if line.quantity == quantity and arm(line.method) == arm(method)
        ]
        return over_seeds(found)

    def reliability(self, scale: str, state: str) -> float | None:
        """Mean over seeds of the share of the truth's variance that is no noise."""
        found = self.number(scale, state, "reliability", TRUTH)
        return found.value if found else None

    def facts(self, scale: str, state: str, method: str) -> list[ArmFacts]:
        """What was found of an arm's hooks, seed by seed."""
        return [f for report in self.of_policy(scale, state) for f in report.arms if arm(f.name) == arm(method)]

    def _of(self, scale: str, state: str) -> list[TruthLine]:
        return [line for line in self.lines if (line.scale, line.state) == (scale, state)]


def read_measured_truth(results: Path) -> MeasuredTruth:
    """What was measured below ``results``; DataError where nothing was, or a file is broken."""
    folder = results / FOLDER
    if not (folder / ESTIMATES).exists():
        raise DataError(str(folder), "no advantages of tokens were measured", "run: make run EXPERIMENT=truth")
    return MeasuredTruth(
        read_lines(TruthLine, folder / ESTIMATES),
        read_lines(TruthReport, folder / MEASUREMENTS),
        read_lines(TruthRollout, folder / SHOWN),
    )


def row_name(name: str) -> str:
    """How a row is called in tables and figures."""
    return "labels of tokens" if name == LABELS else arm_name(name)
