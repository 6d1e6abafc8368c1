"""Inputs and ``params`` of the rule that copies cells and gradients into MLflow. Imports no torch and no MLflow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workflows.lib.dag.gradient_jobs import GradientJobs
from workflows.lib.dag.result_files import ResultFiles, Wildcards, trained
from workflows.lib.mlflow_store import database_of, store_of


@dataclass(frozen=True)
class TrackingJobs:
    """The job that tracks all wanted cells."""

    files: ResultFiles

    def cells(self, wildcards: Wildcards) -> list[str]:
        """Input: the records of all wanted cells."""
        return self.files.of_cells(self.files.grid.wanted, "cell.json")

    def results(self, wildcards: Wildcards) -> list[str]:
        """Input: scores of all wanted cells; training steps and runs of those that are trained."""
        wanted = self.files.grid.wanted
        scores = self.files.of_cells(wanted, "eval/scores.json")
        return scores + self.files.of_cells(trained(wanted), "train.jsonl", "run.json")

    def gradients(self, wildcards: Wildcards) -> list[str]:
        """Input: the numbers of measured gradients, if this run measures some."""
        return GradientJobs(self.files).products

    def membership(self, wildcards: Wildcards | None) -> dict[str, list[str]]:
        """``params``: which of the wanted cells each experiment holds, chosen now or not."""
        grid = self.files.grid
        wanted = set(grid.wanted)
        held = {name: [key.name for key in keys if key in wanted] for name, keys in grid.fitting().items()}
        return {name: cells for name, cells in held.items() if cells}

    @property
    def store(self) -> str:
        """``params``: the MLflow store."""
        return store_of(Path(self.files.root))

    @property
    def store_files(self) -> list[str]:
        """Output beside the marker: the file of the MLflow store, if it is one."""
        database = database_of(self.store)
        return [] if database is None else [str(database)]
