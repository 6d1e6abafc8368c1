"""What one system of Table 1 was found to be: its hooks, its costs, its gradient and its credit. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts import truth
from contracts.gradients import ESTIMATES
from contracts.records import TrainingStep
from contracts.truth import ArmFacts
from evals.analysis.cells import Arm
from evals.analysis.gradient_results import FOLDER, GradientNumber, MeasuredGradients, read_measured
from evals.analysis.timing import timing
from evals.analysis.truth_results import MeasuredTruth, read_measured_truth
from evals.statistics.ratios import Ratio

BASELINE = "grpo"
LEAK = 1e-6  # of the largest entry of a gradient: what changes by less has changed by rounding
TOKEN_LEVEL = 0.5  # share of neighbouring tokens with different credit, from which on it is credit of tokens


@dataclass(frozen=True)
class Measurements:
    """What was measured without training, as far as it was."""

    gradients: MeasuredGradients | None
    truth: MeasuredTruth | None

    @staticmethod
    def below(results: Path) -> Measurements:
        """Read what lies below ``results``. DataError if a file is broken."""
        gradients = read_measured(results) if (results / FOLDER / ESTIMATES).exists() else None
        found = read_measured_truth(results) if (results / truth.FOLDER / truth.ESTIMATES).exists() else None
        return Measurements(gradients, found)


@dataclass(frozen=True)
class System:
    """One method at one scale. What was not measured is None."""

    method: str
    scale: str
    arm: Arm | None  # its trained cells
    grpo: Arm | None
    measured: Measurements

    @property
    def privileged(self) -> bool | None:
        """Whether it is shown what the policy is not."""
        return self._facts[0].privileged if self._facts else None

    @property
    def leak(self) -> float | None:
        """Largest relative change of its gradient where teachers move among tokens that were not sampled."""
        return max((facts.leak for facts in self._facts if facts.leak is not None), default=None)

    @property
    def leak_free(self) -> bool | None:
        """Whether that is nothing but rounding."""
        return None if self.leak is None else self.leak <= LEAK

    @property
    def level(self) -> str | None:
        """What gets a credit of its own: a rollout, a segment of it, or a token."""
        shares = [facts.values for facts in self._facts if facts.values is not None]
        if not shares:
            return None
        share = sum(shares) / len(shares)
        return "token" if share > TOKEN_LEVEL else "segment" if share > 0 else "rollout"

    @property
    def networks(self) -> int | None:
        """Sets of weights that it keeps besides the policy's own."""
        return self._facts[0].networks if self._facts else None

    @property
    def extra_tokens(self) -> float | None:
        """Response tokens sampled besides the rollouts, for each token of these."""
        counted = self._counted
        return _over(sum(step.extra_tokens or 0 for step in counted), counted)

    @property
    def extra_passes(self) -> float | None:
        """Response tokens that teachers read, for each token of the rollouts."""
        counted = self._counted
        return _over(sum(step.teacher_tokens or 0 for step in counted), counted)

    @property
    def time(self) -> Ratio | None:
        """Seconds of a step over GRPO's."""
        return timing(self.arm, self.grpo).over.get("all steps") if self.arm and self.grpo else None

    def gradient(self, quantity: str, theirs: str | None = None) -> GradientNumber | None:
        """A number of its gradient at the first policy that was measured."""
        found = self.measured.gradients
        state = _first_state(found.policies, self.scale) if found else None
        return found.number(self.scale, state, quantity, self.method, theirs) if found and state else None

    def agreement(self, quantity: str) -> GradientNumber | None:
        """How well its credit agrees with the measured advantages, at the first policy that was measured."""
        found = self.measured.truth
        state = _first_state(found.policies, self.scale) if found else None
        return found.number(self.scale, state, quantity, self.method) if found and state else None

    @property
    def _facts(self) -> list[ArmFacts]:
        found = self.measured.truth
        state = _first_state(found.policies, self.scale) if found else None
        return found.facts(self.scale, state, self.method) if found and state else []

    @property
    def _counted(self) -> list[TrainingStep]:
        """Steps of its training at which the engine counted what it cost."""
        steps = [step for folder in self.arm.folders for step in folder.steps] if self.arm else []
        return [step for step in steps if step.teacher_tokens is not None]


def _over(tokens: int, steps: Sequence[TrainingStep]) -> float | None:
    return tokens / sum(step.tokens for step in steps) if steps else None


def _first_state(policies: Sequence[tuple[str, str]], scale: str) -> str | None:
    return next((state for of, state in policies if of == scale), None)
