"""What the rules of tables and figures ask: their cells, the files of those, and recipes. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from workflows.lib.config.schema import Config
from workflows.lib.dag.grid import BASE, Grid, Key, known
from workflows.lib.dag.products import OF_ALL_CELLS, OF_CREDIT, table_names
from workflows.lib.dag.recipes import Recipes


class Wildcards(Protocol):
    """What names a job; a rule has some of these."""

    method: str
    scale: str
    variant: str
    seed: str
    table: str
    repeat: str


@dataclass(frozen=True)
class Analyses:
    """Where results lie and which of them tables and figures are made from."""

    config: Config
    grid: Grid
    recipes: Recipes

    @property
    def results(self) -> str:
        """Folder of this world's results."""
        return f"{self.config.results_dir}/{self.config.world}"

    def folder(self, key: Key) -> str:
        """Folder of a cell."""
        return f"{self.results}/cells/{key.name}"

    def key(self, wildcards: Wildcards) -> Key:
        """The cell that a job's wildcards name."""
        name = f"{wildcards.method}/{wildcards.scale}/{wildcards.variant}/s{wildcards.seed}"
        return self.grid.parse(name, "cell")

    def table_cells(self, wildcards: Wildcards) -> list[str]:
        """Input of a table: the records of its cells."""
        return self._files(self._cells_of(wildcards.table), "cell.json")

    def table_results(self, wildcards: Wildcards) -> list[str]:
        """Input of a table: what its cells answered, and how they were trained."""
        cells = self._cells_of(wildcards.table)
        scored = self._files(trained(cells), "credit.jsonl") if wildcards.table in OF_CREDIT else []
        return self._results(cells) + scored + self._repeats_of(wildcards.table)

    def table_recipe(self, wildcards: Wildcards) -> str:
        """``params`` of a table; ConfigError for one that nobody knows."""
        known(wildcards.table, dict.fromkeys(table_names()), "table", "tables")
        cells = [self.grid.cell(key) for key in self._cells_of(wildcards.table)]
        return self.recipes.analysis(f"evals.analysis.tables.{wildcards.table}", cells)

    def curve_cells(self, wildcards: Wildcards) -> list[str]:
        """Input of Figure 1 and the reward curves: the records of their cells."""
        return self._files(trained(self._cells_of("figure1")), "cell.json")

    def curve_results(self, wildcards: Wildcards) -> list[str]:
        """Input of Figure 1 and the reward curves: every training step."""
        return self._files(trained(self._cells_of("figure1")), "train.jsonl", "run.json")

    def curve_recipe(self, wildcards: Wildcards) -> str:
        """``params`` of Figure 1 and the reward curves."""
        cells = [self.grid.cell(key) for key in trained(self._cells_of("figure1"))]
        return self.recipes.analysis("evals.analysis.figures.training", cells)

    def credit_cells(self, wildcards: Wildcards) -> list[str]:
        """Input of Figures 4 and 5: the records of their cells."""
        return self._files(trained(self._cells_of("figure4")), "cell.json")

    def credit_results(self, wildcards: Wildcards) -> list[str]:
        """Input of Figures 4 and 5: the scores of credit."""
        return self._files(trained(self._cells_of("figure4")), "run.json", "credit.jsonl")

    def credit_recipe(self, wildcards: Wildcards) -> str:
        """``params`` of Figures 4 and 5."""
        cells = [self.grid.cell(key) for key in trained(self._cells_of("figure4"))]
        return self.recipes.analysis("evals.analysis.figures.credit", cells)

    def figure3_cells(self, wildcards: Wildcards) -> list[str]:
        """Input of Figure 3: the records of its cells."""
        return self._files(self._cells_of("figure3"), "cell.json")

    def figure3_results(self, wildcards: Wildcards) -> list[str]:
        """Input of Figure 3: what its cells answered, and how they were trained."""
        return self._results(self._cells_of("figure3"))

    def figure3_recipe(self, wildcards: Wildcards) -> str:
        """``params`` of Figure 3."""
        cells = [self.grid.cell(key) for key in self._cells_of("figure3")]
        return self.recipes.analysis("evals.analysis.figures.figure3", cells)

    def _cells_of(self, product: str) -> list[Key]:
        """Cells of the chosen experiments that ask for a product: the name of a table or a figure."""
        if product in OF_ALL_CELLS:
            return self.grid.wanted
        experiments = {name: self.grid.experiments[name] for name in self.config.experiments}
        chosen = [name for name, e in experiments.items() if product in (*e.tables, *e.figures)]
        return list(dict.fromkeys(key for name in chosen for key in self.grid.of_experiment(name)))

    def _repeats_of(self, product: str) -> list[str]:
        """Further evaluations that the chosen experiments of a product ask for."""
        chosen = {name: self.grid.experiments[name] for name in self.config.experiments}
        return [
            f"{self.folder(key)}/repeats/{repeat}/samples.parquet"
            for name, experiment in chosen.items()
            if product in experiment.tables
            for key in self.grid.of_experiment(name)
            for repeat in range(1, experiment.repeats)
        ]

    def _results(self, cells: list[Key]) -> list[str]:
        """What cells answered, and how they were trained."""
        answers = self._files(cells, "eval/samples.parquet", "eval/scores.json")
        return answers + self._files(trained(cells), "train.jsonl", "run.json")

    def _files(self, keys: list[Key], *names: str) -> list[str]:
        return [f"{self.folder(key)}/{name}" for key in keys for name in names]


def trained(keys: list[Key]) -> list[Key]:
    """Without the untrained base."""
    return [key for key in keys if key.method != BASE]
