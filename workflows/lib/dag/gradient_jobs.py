"""Inputs and ``params`` of the rules that measure gradients, and which measurements there are. Imports no torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from contracts.gradients import ESTIMATES, MEASUREMENTS, GradientPlan
from workflows.lib.dag.policy_jobs import Measurement, PolicyJobs, PolicyWildcards, measurement_of
from workflows.lib.dag.recipes import MEASURES_GRADIENTS

PROCESSES = 2  # more do not pay: states and scales are measured side by side
FILES = ("gradients.json", "gradients.safetensors")


@dataclass(frozen=True)
class GradientJobs(PolicyJobs):
    """The jobs that measure gradients."""

    section: ClassVar[Literal["gradients", "truth"]] = "gradients"

    def check(self) -> None:
        """ConfigError for the first arm or state that the config cannot have, if gradients are to be measured."""
        for measurement in self.wanted:
            self._plan(measurement)

    @property
    def products(self) -> list[str]:
        """The files with all numbers, if gradients are to be measured."""
        return [f"{self.folder}/{name}" for name in (ESTIMATES, MEASUREMENTS)] if self.wanted else []

    @property
    def processes(self) -> int:
        """Cores of a measurement; on a GPU one process has it all."""
        return 1 if self._grid.config.device == "cuda" else PROCESSES

    def plan(self, wildcards: PolicyWildcards) -> str:
        """``params`` of a measurement: the complete plan, as JSON."""
        return self._plan(measurement_of(wildcards)).model_dump_json()

    def measured(self, wildcards: object) -> list[str]:
        """Input of the numbers: all measurements of this run."""
        return [f"{self.folder}/{one.name}/{name}" for one in self.wanted for name in FILES]

    def estimates(self, wildcards: object) -> str:
        """``params`` of the numbers: how they are made."""
        return self.files.grid.recipes.estimates([self._plan(one).model_dump_json() for one in self.wanted])

    def shown(self) -> str:
        """Part of the recipe of what shows numbers: those of this run, or of an earlier one whose files lie there."""
        if self.wanted:
            return self.estimates(None)
        found = Path(self.folder, ESTIMATES)
        return hashlib.sha256(found.read_bytes()).hexdigest() if found.is_file() else ""

    def _plan(self, measurement: Measurement) -> GradientPlan:
        config = self._grid.config
        section, settings = config.gradients, config.engine_settings
        pixels = settings if config.engine == "local" else config.easyr1  # the images that cells are trained on
        arms = self._arms(measurement.scale, measurement.seed)
        return GradientPlan(
            world=config.world,
            scale=measurement.scale,
            model_name=config.model_name(measurement.scale),
            state=measurement.state,
            seed=measurement.seed,
            device=config.device,
            dtype=settings.dtype,
            arms=arms,
            batches=section.batches,
            prompts=section.prompts,
            group_size=section.group_size,
            dimension=section.dimension,
            micro_batch=section.micro_batch or settings.micro_batch,
            sampled_at_once=section.sampled_at_once,
            grade_deadline=settings.grade_deadline,
            min_pixels=pixels.min_pixels,
            max_pixels=pixels.max_pixels,
            digests=self._digests(measurement, arms, MEASURES_GRADIENTS),
        )
