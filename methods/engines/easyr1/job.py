"""What the process that runs EasyR1 is told, as a JSON file."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from contracts.records import Cell
from methods.base import Method, load_method
from methods.engines.easyr1.settings import EasyR1EngineSettings, EasyR1Settings


class TrainingJob(BaseModel):
    """One cell to train, and where everything is; all paths are absolute."""

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
        """Where the run keeps what it needs to be resumed; removed when the cell is done."""
        return self.out / "state"

    @property
    def checkpoints(self) -> Path:
        """EasyR1's checkpoints."""
        return self.state / "easyr1"

    @property
    def lines(self) -> Path:
        """Step lines so far; the workflow reads the progress from here."""
        return self.state / "progress.jsonl"

    @property
    def rollouts(self) -> Path:
        """What is kept of each step's rollouts so far."""
        return self.state / "rollouts"

    @property
    def workers(self) -> int:
        """Processes that train, one per GPU."""
        return self.easyr1.nodes * self.easyr1.gpus_per_node
