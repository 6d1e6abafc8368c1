"""Inputs and ``params`` of the rules that measure gradients, and which measurements there are. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.gradients import ESTIMATES, MEASUREMENTS, GradientPlan
from workflows.lib.dag.policy_jobs import Measurement, PolicyJobs
from workflows.lib.dag.recipes import MEASURES_GRADIENTS

PROCESSES = 2  # more do not pay: states and scales are measured side by side


@dataclass(frozen=True)
class GradientJobs(PolicyJobs):
    """The jobs that measure gradients."""

    section = "gradients"
    module = MEASURES_GRADIENTS
    estimator = "evals.gradient_estimates"
    written = ("gradients.json", "gradients.safetensors")
    numbers = (ESTIMATES, MEASUREMENTS)

    @property
    def processes(self) -> int:
        """Cores of a measurement; on a GPU one process has it all."""
        return 1 if self._grid.config.device == "cuda" else PROCESSES

    def _plan(self, measurement: Measurement) -> GradientPlan:
        section = self._grid.config.gradients
        return GradientPlan(**self._shared(measurement), batches=section.batches, dimension=section.dimension)
