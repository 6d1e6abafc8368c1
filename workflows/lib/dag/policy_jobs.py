"""Policies at which something is measured for many arms on the same rollouts: which there are, and their inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from contracts.gradients import ESTIMATES, UNTRAINED, GradientArm, PolicyPlan
from workflows.lib.config.schema import ExperimentArm
from workflows.lib.dag.grid import DEFAULT, Grid, Key
from workflows.lib.dag.prepared_jobs import PreparedJobs
from workflows.lib.dag.result_files import ResultFiles

BASELINE = "grpo"  # whose rollouts all arms share, what they are compared with, and whose training leads to the states
ENGINE = "local"  # measures, whatever engine trains


class PolicyWildcards(Protocol):
    """What names a measurement."""

    scale: str
    state: str
    seed: str


class Measurement(NamedTuple):
    """One policy that is measured."""

    scale: str
    state: str
    seed: int

    @property
    def name(self) -> str:
        """``scale/state/s<seed>``."""
        return f"{self.scale}/{self.state}/s{self.seed}"


@dataclass(frozen=True)
class PolicyJobs:
    """The jobs of one kind of measurement: a section of the config, and of experiments, of the same name."""

    files: ResultFiles
    section: ClassVar[Literal["gradients", "truth"]]
    module: ClassVar[str]  # measures
    estimator: ClassVar[str]  # the module that makes numbers of all measurements
    written: ClassVar[tuple[str, ...]]  # files of one measurement
    numbers: ClassVar[tuple[str, ...]]  # files of all of them; the first has the numbers

    def check(self) -> None:
        """ConfigError for the first arm or state that the config cannot have, if anything is to be measured."""
        for measurement in self.wanted:
            self._plan(measurement)

    @property
    def products(self) -> list[str]:
        """The files with all numbers, if anything is to be measured."""
        return [f"{self.folder}/{name}" for name in self.numbers] if self.wanted else []

    def plan(self, wildcards: PolicyWildcards) -> str:
        """``params`` of a measurement: the complete plan, as JSON."""
        return self._plan(measurement_of(wildcards)).model_dump_json()

    def measured(self, wildcards: object) -> list[str]:
        """Input of the numbers: all measurements of this run."""
        return [f"{self.folder}/{one.name}/{name}" for one in self.wanted for name in self.written]

    def estimates(self, wildcards: object) -> str:
        """``params`` of the numbers: how they are made."""
        plans = [self._plan(one).model_dump_json() for one in self.wanted]
        return self._grid.recipes.estimates(self.estimator, plans)

    def shown(self) -> str:
        """Part of the recipe of what shows numbers: those of this run, or of an earlier one whose files lie there."""
        if self.wanted:
            return self.estimates(None)
        found = Path(self.folder, ESTIMATES)
        return hashlib.sha256(found.read_bytes()).hexdigest() if found.is_file() else ""

    @property
    def wanted(self) -> list[Measurement]:
        """Measurements of the experiments to run, without repeats, in order."""
        return list(dict.fromkeys(one for name in self._experiments for one in self._of_experiment(name)))

    @property
    def folder(self) -> str:
        """Where measurements lie."""
        return f"{self.files.root}/{self.section}"

    def base(self, wildcards: PolicyWildcards) -> str:
        """Input of a measurement: the base model of its seed."""
        return f"{self.files.base(wildcards.scale, int(wildcards.seed))}/model"

    def adapter(self, wildcards: PolicyWildcards) -> str | list[str]:
        """Input of a measurement: the adapter of the state's GRPO cell; the untrained base has none."""
        key = self._trained(measurement_of(wildcards))
        return f"{self.files.folder(key)}/adapter" if key else []

    def prepared(self, wildcards: PolicyWildcards) -> list[str]:
        """Input of a measurement: records and tensors of the models that were prepared for its arms."""
        arms, jobs = self._arm_keys(wildcards.scale, int(wildcards.seed)), PreparedJobs(self.files)
        return list(dict.fromkeys(path for key in arms.values() for path in jobs.of_cell(key)))

    def _plan(self, measurement: Measurement) -> PolicyPlan:
        """The complete plan of a measurement."""
        raise NotImplementedError

    def _shared(self, measurement: Measurement) -> dict[str, Any]:
        """The fields that the plans of every kind have, by name."""
        config = self._grid.config
        section, settings = getattr(config, self.section), config.engine_settings
        pixels = settings if config.engine == "local" else config.easyr1  # the images that cells are trained on
        arms = self._arms(measurement.scale, measurement.seed)
        return {
            "world": config.world,
            "scale": measurement.scale,
            "model_name": config.model_name(measurement.scale),
            "state": measurement.state,
            "seed": measurement.seed,
            "device": config.device,
            "dtype": settings.dtype,
            "arms": arms,
            "prompts": section.prompts,
            "group_size": section.group_size,
            "micro_batch": config.gradients.micro_batch or settings.micro_batch,
            "sampled_at_once": section.sampled_at_once,
            "grade_deadline": settings.grade_deadline,
            "min_pixels": pixels.min_pixels,
            "max_pixels": pixels.max_pixels,
            "digests": self._digests(measurement, arms),
        }

    @property
    def _grid(self) -> Grid:
        return self.files.grid

    @property
    def _experiments(self) -> list[str]:
        grid = self._grid
        return [name for name in grid.config.experiments if name in grid.experiments and self._asked(name)]

    def _asked(self, experiment: str) -> Sequence[ExperimentArm]:
        return getattr(self._grid.experiments[experiment], self.section)

    def _of_experiment(self, name: str) -> list[Measurement]:
        experiment, config = self._grid.experiments[name], self._grid.config
        seeds = None if config.every_seed else experiment.seeds
        states = getattr(config, self.section).states
        scales = experiment.scales or config.usual_scales
        numbers = seeds or config.seeds
        return [Measurement(scale, state, n) for scale in scales for state in states for n in numbers]

    def _trained(self, measurement: Measurement) -> Key | None:
        """The GRPO cell whose training leads to the state."""
        if measurement.state == UNTRAINED:
            return None
        key = Key(BASELINE, measurement.scale, measurement.state, measurement.seed)
        return self._grid.check_key(key, self._grid.source.place(self.section, "states"))

    def _arms(self, scale: str, seed: int) -> list[GradientArm]:
        """GRPO first, then every other arm that the experiments name."""
        return [self._arm(name, key) for name, key in self._arm_keys(scale, seed).items()]

    def _arm(self, name: str, key: Key) -> GradientArm:
        plan = self._grid.prepared(key)
        digest = None if plan is None else plan.digest
        return GradientArm(name=name, method=key.method, options=self._grid.cell(key).options, prepared=digest)

    def _arm_keys(self, scale: str, seed: int) -> dict[str, Key]:
        found = {BASELINE: Key(BASELINE, scale, DEFAULT, seed)}
        for name in self._experiments:
            for number, arm in enumerate(self._asked(name)):
                place = f"experiments/{name}.yaml: {self.section}.{number}"
                for method, variant in product(arm.methods or self._everything(), arm.variants):
                    key = self._grid.check_key(Key(method, scale, variant, seed), place, ENGINE)
                    found.setdefault(method if variant == DEFAULT else f"{method}/{variant}", key)
        return found

    def _everything(self) -> list[str]:
        """What "all methods" means here: those of the config, and every control that this world can have."""
        grid = self._grid
        controls = grid.with_labels([name for name, method in grid.methods.items() if method.control], ENGINE)
        return list(dict.fromkeys([*grid.rivals, *controls]))

    def _digests(self, measurement: Measurement, arms: Sequence[GradientArm]) -> dict[str, str]:
        """Digests of what decides a measurement besides the arms' options and its settings."""
        grid, trained = self._grid, self._trained(measurement)
        methods = list(dict.fromkeys(arm.method for arm in arms))
        labels = any(grid.methods[name].labels for name in methods)
        digests = grid.recipes.measuring_digests(self.module, methods, measurement.scale, measurement.seed, labels)
        return digests | ({"adapter": grid.cell(trained).digest} if trained else {})


def measurement_of(wildcards: PolicyWildcards) -> Measurement:
    """The measurement that wildcards name."""
    return Measurement(wildcards.scale, wildcards.state, int(wildcards.seed))
