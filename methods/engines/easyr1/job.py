"""The job for the process that runs EasyR1, as a JSON file."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from contracts.records import Cell
from methods.base import Method, load_method
from methods.engines.easyr1.settings import EasyR1EngineSettings, EasyR1Settings


class TrainingJob(BaseModel):
    """One cell to train, and the paths of its files, all absolute."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cell: Cell
    data: Path
    validation: Path
    base: Path
    out: Path
    settings: EasyR1EngineSettings

    @property
    def easyr1(self) -> EasyR1Settings:
        """Settings of this engine alone."""
        return self.settings.easyr1

    @cached_property
    def method(self) -> Method:
        """The method with the cell's options."""
        return load_method(self.cell.method, dict(self.cell.options))

    @property
    def state(self) -> Path:
        """Folder with all that is needed to resume the run. It is removed when the cell is done."""
        return self.out / "state"

    @property
    def checkpoints(self) -> Path:
        """EasyR1's checkpoints."""
        return self.state / "easyr1"

    @property
    def lines(self) -> Path:
        """The lines of ``train.jsonl`` so far, from which the workflow reads the progress."""
        return self.state / "progress.jsonl"

    @property
    def rollouts(self) -> Path:
        """Folder with the rollouts that are kept of each step so far."""
        return self.state / "rollouts"

    @property
    def workers(self) -> int:
        """Processes that train, one per GPU."""
        return self.easyr1.nodes * self.easyr1.gpus_per_node
