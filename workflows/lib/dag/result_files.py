"""Paths of the files of cells, and the cell that the wildcards of a job name. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from workflows.lib.dag.grid import BASE, Grid, Key


class Wildcards(Protocol):
    """The wildcards that name a job. A rule has some of these."""

    method: str
    scale: str
    variant: str
    seed: str
    repeat: str
    base: str


@dataclass(frozen=True)
class ResultFiles:
    """The results of one world."""

    grid: Grid

    @property
    def root(self) -> str:
        """Folder of this world's results."""
        return f"{self.grid.config.results_dir}/{self.grid.config.world}"

    def folder(self, key: Key) -> str:
        """Folder of a cell."""
        return f"{self.root}/cells/{key.name}"

    def key(self, wildcards: Wildcards) -> Key:
        """The cell that a job's wildcards name."""
        name = f"{wildcards.method}/{wildcards.scale}/{wildcards.variant}/s{wildcards.seed}"
        return self.grid.parse(name, "cell")

    def base(self, scale: str, seed: int) -> str:
        """Folder of the base model that the cells of a scale and a seed start from."""
        return f"{self.root}/models/{self.grid.config.base_name(scale, seed)}"

    def of_cells(self, keys: Sequence[Key], *names: str) -> list[str]:
        """Paths of the files ``names`` of each of these cells."""
        return [f"{self.folder(key)}/{name}" for key in keys for name in names]


def trained(keys: Sequence[Key]) -> list[Key]:
    """The cells without the untrained base."""
    return [key for key in keys if key.method != BASE]
