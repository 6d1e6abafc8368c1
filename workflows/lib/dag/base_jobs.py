"""Inputs and ``params`` of the rules of base models, and of the untrained base as a cell. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contracts.errors import ConfigError
from contracts.paths import ROOT
from workflows.lib.cache.digest import value_digest
from workflows.lib.dag.grid import BASE, DEFAULT
from workflows.lib.dag.names import Key, known
from workflows.lib.dag.result_files import ResultFiles, Wildcards
from workflows.lib.ready_bases import CHECK, ReadyBase


@dataclass(frozen=True)
class BaseJobs:
    """The jobs of base models."""

    files: ResultFiles
    hub_lock: str  # path of the lock that says what was fetched from the hub

    def recipe(self, wildcards: Wildcards) -> str:
        """``params`` of a base model: how it is made."""
        return self.files.grid.recipes.base(*self._parts(wildcards))

    def digest(self, wildcards: Wildcards) -> str:
        """``params`` of a base model: digest of the recipe it is built by; empty for a model that is not built here."""
        scale, seed = self._parts(wildcards)
        return "" if seed is None else self.files.grid.recipes.built_base(scale, seed)

    def ready(self, wildcards: Wildcards) -> str:
        """``params`` of a base model: folder of the committed one of this recipe; empty if it is to be built."""
        made = self._ready_base(wildcards)
        return "" if made is None else _in_checkout(made.folder)

    def settings(self, wildcards: Wildcards) -> str:
        """``params`` of a base model: its entry of the config, as JSON."""
        where = {"model_name", "base_model", "revision"}  # of its other keys, the recipe holds what decides the model
        return self.files.grid.config.scales[self._parts(wildcards)[0]].model_dump_json(include=where)

    def required(self, wildcards: Wildcards) -> bool:
        """``params`` of a base's check: whether what is required of a base is required of this one."""
        return self.files.grid.config.scales[self._parts(wildcards)[0]].check

    def checked(self, wildcards: Wildcards) -> str:
        """``params`` of a base's check: digest of its recipe, the problems and the code that measures it."""
        recipes = self.files.grid.recipes
        how = [recipes.checks(self.required(wildcards)), recipes.problems(), recipes.config.micro.seed]
        return value_digest([self.digest(wildcards), *how])

    def ready_check(self, wildcards: Wildcards) -> str:
        """``params`` of a base's check: the committed one of this recipe; empty if the base is to be checked."""
        made = self._ready_base(wildcards)
        return _in_checkout(made.folder / CHECK) if made and made.checked == self.checked(wildcards) else ""

    def building(self, wildcards: Wildcards) -> str:
        """``params`` of a base model: what its builder needs, as JSON; for one of the hub, the lock that names it."""
        scale, seed = self._parts(wildcards)
        if seed is not None:
            return self.files.grid.recipes.building(scale, seed)
        return "" if self.files.grid.config.scales[scale].is_folder else self.hub_lock

    def untrained_record(self, wildcards: Wildcards) -> str:
        """``params`` of the untrained base's record: the complete cell, as JSON."""
        key = Key(BASE, wildcards.scale, wildcards.variant, int(wildcards.seed))
        return self.files.grid.cell(self.files.grid.check_key(key, "cell")).model_dump_json()

    def built(self, wildcards: Wildcards) -> list[str]:
        """What the target ``bases`` makes: every base model that the config's usual scales and seeds draw."""
        config = self.files.grid.config
        last = "check.json" if config.check_bases else "base.json"
        drawn = [scale for scale in config.usual_scales if config.scales[scale].is_micro]
        return [f"{self.files.base(scale, seed)}/{last}" for scale in drawn for seed in config.seeds]

    def untrained_scores(self, wildcards: Wildcards) -> list[str]:
        """Input of the check of the bases that are used and checked: their scores, by scale in the config's order."""
        config = self.files.grid.config
        scales = list(config.scales)
        used = {(key.scale, key.seed) for key in self.files.grid.wanted if config.scales[key.scale].check}
        ordered = sorted(used, key=lambda one: (scales.index(one[0]), one[1]))
        return self.files.of_cells([Key(BASE, scale, DEFAULT, seed) for scale, seed in ordered], "eval/scores.json")

    def _ready_base(self, wildcards: Wildcards) -> ReadyBase | None:
        scale, seed = self._parts(wildcards)
        return None if seed is None else self.files.grid.recipes.ready_base(scale, seed)

    def _parts(self, wildcards: Wildcards) -> tuple[str, int | None]:
        """Scale and seed of a base model; no seed where all seeds share one. ConfigError if there is no such base."""
        name, config = wildcards.base, self.files.grid.config
        scale, _, seed = name.partition("/s")
        known(scale, config.scales, "scale", f"models/{name}")
        if not seed.isdecimal() and config.scales[scale].is_micro:
            raise ConfigError(f"models/{name}", "each seed has a base model of its own", f"write models/{scale}/s1")
        return scale, int(seed) if config.scales[scale].is_micro else None


def _in_checkout(path: Path) -> str:
    """A committed path as jobs know it: seen from the checkout, so that another checkout has the same params."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
