"""What the teachers of an arm know: evidence on slips, as measured of the base models that its seeds start from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import ConfigDict

from contracts.errors import DataError
from contracts.reading import read_record
from contracts.records import Record
from evals.analysis.cells import Arm, CellFolder, read_arms, trained
from evals.analysis.comparison import Comparison, PlannedRow, by_scale, compare
from evals.analysis.published.numbers import Published

PLACE = "context_style"  # option of every method: where a teacher's context holds the reference
CHECK = "check.json"
BASELINE = "grpo"


class SlipEvidence(Record):
    """How well a base model's teachers know slips, for one place of the reference."""

    model_config = ConfigDict(extra="ignore")

    slips: float  # mean of abs(log P+ - log P-) on slips, nats
    auroc: float  # of log P- - log P+ for the slip among the decisive tokens of its chain


class BaseCheck(Record):
    """The part of a base model's ``check.json`` that is shown."""

    model_config = ConfigDict(extra="ignore")

    accuracy: float  # of rollouts at T = 1
    evidence: dict[str, SlipEvidence]  # by place of the reference


@dataclass(frozen=True)
class TeacherKnowledge:
    """Averages over the base models of an arm's seeds, at the place where the arm's teachers read the reference."""

    arm: Arm

    @property
    def accuracy(self) -> float:
        """Of the untrained policy's rollouts."""
        return self._mean(lambda check: check.accuracy)

    @property
    def slips(self) -> float:
        """Evidence on slips, nats."""
        return self._mean(lambda check: check.evidence[self.place].slips)

    @property
    def auroc(self) -> float:
        """Of the evidence, for the slip among the decisive tokens of its chain."""
        return self._mean(lambda check: check.evidence[self.place].auroc)

    @property
    def place(self) -> str:
        """``inline`` or ``user_turn``; methods without a teacher stand at the place of most teachers, inline."""
        return str(self.arm.options.get(PLACE, "inline"))

    @cached_property
    def _checks(self) -> list[BaseCheck]:
        return [read_record(BaseCheck, check_of(folder)) for folder in self.arm.folders]

    def _mean(self, number: Callable[[BaseCheck], float]) -> float:
        return float(np.mean([number(check) for check in self._checks]))


def check_of(folder: CellFolder) -> Path:
    """``models/<scale>/s<seed>/check.json`` of the results that hold a cell."""
    scale, seed = folder.cell.scale, folder.cell.seed
    return folder.path.parents[4] / "models" / scale / f"s{seed}" / CHECK


def gains(cells: Sequence[Path], published: Published) -> Comparison:
    """Every trained arm beside GRPO from the same base. DataError if GRPO was not run at a scale."""
    lines: dict[str, list[PlannedRow]] = {}
    for scale, arms in by_scale(trained(read_arms(cells))).items():
        baseline = next((arm for arm in arms if (arm.method, arm.variant) == (BASELINE, "default")), None)
        if baseline is None:
            raise DataError("cells", f"no {BASELINE} at scale {scale} to compare with", "add its cells")
        lines[scale] = [PlannedRow(arm.name, arm, {BASELINE: baseline}) for arm in arms]
    return compare(lines, published)
