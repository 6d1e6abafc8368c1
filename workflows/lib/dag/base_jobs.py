"""Inputs and ``params`` of the rules of base models, and of the untrained base as a cell. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from workflows.lib.dag.grid import BASE, DEFAULT, Key
from workflows.lib.dag.result_files import ResultFiles, Wildcards


@dataclass(frozen=True)
class BaseJobs:
    """The jobs of base models."""

    files: ResultFiles
    hub_lock: str  # path of the lock that says what was fetched from the hub

    def recipe(self, wildcards: Wildcards) -> str:
        """``params`` of a base model: how it is made."""
        return self.files.grid.recipes.base(wildcards.scale)

    def settings(self, wildcards: Wildcards) -> str:
        """``params`` of a base model: its entry of the config, as JSON."""
        return self.files.grid.config.scales[wildcards.scale].model_dump_json()

    def building(self, wildcards: Wildcards) -> str:
        """``params`` of a base model: what its builder needs, as JSON; for one of the hub, the lock that names it."""
        scale = self.files.grid.config.scales[wildcards.scale]
        if scale.is_micro:
            return self.files.grid.recipes.building(wildcards.scale)
        return "" if scale.is_folder else self.hub_lock

    def untrained_record(self, wildcards: Wildcards) -> str:
        """``params`` of the untrained base's record: the complete cell, as JSON."""
        return self.files.grid.cell(Key(BASE, wildcards.scale, DEFAULT, int(wildcards.seed))).model_dump_json()

    def untrained_scores(self, wildcards: Wildcards) -> list[str]:
        """Input of the check of the bases that are used: their scores, in the order of the config's scales."""
        config, used = self.files.grid.config, {key.scale for key in self.files.grid.wanted}
        bases = [Key(BASE, scale, DEFAULT, config.seeds[0]) for scale in config.scales if scale in used]
        return self.files.of_cells(bases, "eval/scores.json")
