"""Inputs and ``params`` of the rule that prepares models for methods; which model a cell needs. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from contracts.errors import ConfigError
from contracts.prepared import PreparedPlan
from methods.shared.prepared import KINDS
from workflows.lib.dag.grid import DEFAULT
from workflows.lib.dag.names import Key, known
from workflows.lib.dag.result_files import ResultFiles


class PreparedWildcards(Protocol):
    """What names a prepared model."""

    kind: str
    scale: str
    options: str
    seed: str


@dataclass(frozen=True)
class PreparedJobs:
    """The jobs that prepare models. A model's folder has the beginning of a digest of the options that decide it."""

    files: ResultFiles

    def of_cell(self, key: Key) -> list[str]:
        """The record and the tensors of the model that a cell needs; nothing if it needs none."""
        plan = self.files.grid.prepared(key)
        if plan is None:
            return []
        folder = f"{self.files.root}/prepared/{plan.kind}/{plan.scale}/{plan.choice}/s{plan.seed}"
        return [f"{folder}/prepared.json", f"{folder}/model"]

    def plan(self, wildcards: PreparedWildcards) -> str:
        """``params`` of a preparation: the complete plan, as JSON."""
        return self._named(wildcards).model_dump_json()

    def _named(self, wildcards: PreparedWildcards) -> PreparedPlan:
        """The plan of a folder's name: the first method and variant whose options have this digest."""
        place = f"prepared/{wildcards.kind}/{wildcards.scale}/{wildcards.options}/s{wildcards.seed}"
        known(wildcards.kind, KINDS, "kind of prepared model", place)
        known(wildcards.scale, self.files.grid.config.scales, "scale", place)
        for key in self._keys(wildcards):
            plan = self.files.grid.prepared(key)
            if plan is not None and plan.choice == wildcards.options:
                return plan
        raise ConfigError(place, "no method and variant of this config has these options", "name a cell that needs it")

    def _keys(self, wildcards: PreparedWildcards) -> Iterator[Key]:
        """Every cell of this scale and seed with a prepared model of this kind."""
        grid, scale, seed = self.files.grid, wildcards.scale, int(wildcards.seed)
        for method in grid.methods.values():
            if method.prepared != wildcards.kind:
                continue
            own = [name for name, variant in grid.variants.items() if method.name in variant.methods]
            for variant in dict.fromkeys((DEFAULT, *method.presets, *own)):
                yield Key(method.name, scale, variant, seed)
