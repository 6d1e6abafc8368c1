"""Inputs and ``params`` of the rules that measure the advantages of tokens. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.truth import ESTIMATES, MEASUREMENTS, REPORT, ROLLOUTS, SHOWN, TruthPlan
from workflows.lib.dag.policy_jobs import Measurement, PolicyJobs
from workflows.lib.dag.recipes import MEASURES_TRUTH


@dataclass(frozen=True)
class TruthJobs(PolicyJobs):
    """The jobs that measure the advantages of tokens, and every method's credit beside them."""

    section = "truth"
    module = MEASURES_TRUTH
    estimator = "evals.truth_estimates"
    written = (REPORT, ROLLOUTS)
    numbers = (ESTIMATES, MEASUREMENTS, SHOWN)

    def _plan(self, measurement: Measurement) -> TruthPlan:
        return TruthPlan(**self._shared(measurement), continuations=self._grid.config.truth.continuations)
