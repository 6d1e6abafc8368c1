"""Inputs and ``params`` of the rules that measure gradients, and which measurements there are. Imports no torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import NamedTuple, Protocol

from contracts.gradients import ESTIMATES, MEASUREMENTS, UNTRAINED, GradientArm, GradientPlan
from workflows.lib.dag.grid import DEFAULT, Grid, Key
from workflows.lib.dag.result_files import ResultFiles

BASELINE = "grpo"  # whose rollouts all arms share, what they are compared with, and whose training leads to the states
ENGINE = "local"  # measures gradients, whatever engine trains
PROCESSES = 2  # more do not pay: states and scales are measured side by side
FILES = ("gradients.json", "gradients.safetensors")


class GradientWildcards(Protocol):
    """What names a measurement."""

    scale: str
    state: str
    seed: str


class Measurement(NamedTuple):
    """One policy whose gradients are measured."""

    scale: str
    state: str
    seed: int

    @property
    def name(self) -> str:
        """``scale/state/s<seed>``."""
        return f"{self.scale}/{self.state}/s{self.seed}"


@dataclass(frozen=True)
class GradientJobs:
    """The jobs that measure gradients."""

    files: ResultFiles

    def check(self) -> None:
        """ConfigError for the first arm or state that the config cannot have, if gradients are to be measured."""
        for measurement in self.wanted:
            self._plan(measurement)

    @property
    def wanted(self) -> list[Measurement]:
        """Measurements of the experiments to run, without repeats, in order."""
        return list(dict.fromkeys(one for name in self._experiments for one in self._of_experiment(name)))

    @property
    def products(self) -> list[str]:
        """The files with all numbers, if gradients are to be measured."""
        return [f"{self.folder}/{name}" for name in (ESTIMATES, MEASUREMENTS)] if self.wanted else []

    @property
    def folder(self) -> str:
        """Where measurements lie."""
        return f"{self.files.root}/gradients"

    @property
    def processes(self) -> int:
        """Cores of a measurement; on a GPU one process has it all."""
        return 1 if self._grid.config.device == "cuda" else PROCESSES

    def base(self, wildcards: GradientWildcards) -> str:
        """Input of a measurement: the base model of its seed."""
        return f"{self.files.base(wildcards.scale, int(wildcards.seed))}/model"

    def adapter(self, wildcards: GradientWildcards) -> str | list[str]:
        """Input of a measurement: the adapter of the state's GRPO cell; the untrained base has none."""
        key = self._trained(_measurement(wildcards))
        return f"{self.files.folder(key)}/adapter" if key else []

    def plan(self, wildcards: GradientWildcards) -> str:
        """``params`` of a measurement: the complete plan, as JSON."""
        return self._plan(_measurement(wildcards)).model_dump_json()

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

    @property
    def _grid(self) -> Grid:
        return self.files.grid

    @property
    def _experiments(self) -> list[str]:
        grid = self._grid
        return [
            name for name in grid.config.experiments if name in grid.experiments and grid.experiments[name].gradients
        ]

    def _of_experiment(self, name: str) -> list[Measurement]:
        experiment, config = self._grid.experiments[name], self._grid.config
        seeds = None if config.every_seed else experiment.seeds
        chosen = (experiment.scales or config.usual_scales, config.gradients.states, seeds or config.seeds)
        return [Measurement(*one) for one in product(*chosen)]

    def _trained(self, measurement: Measurement) -> Key | None:
        """The GRPO cell whose training leads to the state."""
        if measurement.state == UNTRAINED:
            return None
        key = Key(BASELINE, measurement.scale, measurement.state, measurement.seed)
        return self._grid.check_key(key, self._grid.source.place("gradients", "states"))

    def _plan(self, measurement: Measurement) -> GradientPlan:
        grid, trained = self._grid, self._trained(measurement)
        config, section, settings = grid.config, grid.config.gradients, grid.config.engine_settings
        pixels = settings if config.engine == "local" else config.easyr1  # the images that cells are trained on
        arms = self._arms(measurement.scale, measurement.seed)
        methods = list(dict.fromkeys(arm.method for arm in arms))
        labels = any(grid.methods[name].labels for name in methods)
        digests = grid.recipes.gradient_digests(methods, measurement.scale, measurement.seed, labels)
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
            digests=digests | ({"adapter": grid.cell(trained).digest} if trained else {}),
        )

    def _arms(self, scale: str, seed: int) -> list[GradientArm]:
        """GRPO first, then every other arm that the experiments name."""
        found = {BASELINE: Key(BASELINE, scale, DEFAULT, seed)}
        for name in self._experiments:
            for number, arm in enumerate(self._grid.experiments[name].gradients):
                place = f"experiments/{name}.yaml: gradients.{number}"
                for method, variant in product(arm.methods or self._everything(), arm.variants):
                    key = self._grid.check_key(Key(method, scale, variant, seed), place, ENGINE)
                    found.setdefault(method if variant == DEFAULT else f"{method}/{variant}", key)
        return [
            GradientArm(name=name, method=key.method, options=self._grid.cell(key).options)
            for name, key in found.items()
        ]

    def _everything(self) -> list[str]:
        """What "all methods" means here: those of the config, and every control that this world can have."""
        grid = self._grid
        controls = grid.with_labels([name for name, method in grid.methods.items() if method.control], ENGINE)
        return list(dict.fromkeys([*grid.rivals, *controls]))


def _measurement(wildcards: GradientWildcards) -> Measurement:
    return Measurement(wildcards.scale, wildcards.state, int(wildcards.seed))
