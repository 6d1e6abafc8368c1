"""Inputs and ``params`` of the rules that measure the advantages of tokens. Imports no torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from contracts.truth import ESTIMATES, MEASUREMENTS, REPORT, ROLLOUTS, SHOWN, TruthPlan
from workflows.lib.dag.policy_jobs import Measurement, PolicyJobs, PolicyWildcards, measurement_of
from workflows.lib.dag.recipes import MEASURES_TRUTH


@dataclass(frozen=True)
class TruthJobs(PolicyJobs):
    """The jobs that measure the advantages of tokens, and every method's credit beside them."""

    section: ClassVar[Literal["gradients", "truth"]] = "truth"

    def check(self) -> None:
        """ConfigError for the first arm or state that the config cannot have, if anything is to be measured."""
        for measurement in self.wanted:
            self._planned(measurement)

    @property
    def products(self) -> list[str]:
        """The files with all numbers, if anything is to be measured."""
        return [f"{self.folder}/{name}" for name in (ESTIMATES, MEASUREMENTS, SHOWN)] if self.wanted else []

    def planned(self, wildcards: PolicyWildcards) -> str:
        """``params`` of a measurement: the complete plan, as JSON."""
        return self._planned(measurement_of(wildcards)).model_dump_json()

    def finished(self, wildcards: object) -> list[str]:
        """Input of the numbers: all measurements of this run."""
        return [f"{self.folder}/{one.name}/{name}" for one in self.wanted for name in (REPORT, ROLLOUTS)]

    def numbers(self, wildcards: object) -> str:
        """``params`` of the numbers: how they are made."""
        return self.files.grid.recipes.truth_estimates([self._planned(one).model_dump_json() for one in self.wanted])

    def shown(self) -> str:
        """Part of the recipe of what shows numbers: those of this run, or of an earlier one whose files lie there."""
        if self.wanted:
            return self.numbers(None)
        found = Path(self.folder, ESTIMATES)
        return hashlib.sha256(found.read_bytes()).hexdigest() if found.is_file() else ""

    def _planned(self, measurement: Measurement) -> TruthPlan:
        config = self._grid.config
        section, settings = config.truth, config.engine_settings
        arms = self._arms(measurement.scale, measurement.seed)
        return TruthPlan(
            world=config.world,
            scale=measurement.scale,
            model_name=config.model_name(measurement.scale),
            state=measurement.state,
            seed=measurement.seed,
            device=config.device,
            dtype=settings.dtype,
            arms=arms,
            prompts=section.prompts,
            group_size=section.group_size,
            continuations=section.continuations,
            micro_batch=config.gradients.micro_batch or settings.micro_batch,
            sampled_at_once=section.sampled_at_once,
            grade_deadline=settings.grade_deadline,
            digests=self._digests(measurement, arms, MEASURES_TRUTH),
        )
