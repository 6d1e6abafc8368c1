"""Cells of two tiny steps, trained as the workflow trains them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

from contracts.records import Cell, Run, TrainingStep
from contracts.rollouts import Rollout, read_rollouts
from methods.base import load_method
from methods.engines.easyr1.settings import EasyR1EngineSettings, EasyR1Settings
from methods.engines.easyr1.train import train

SHORT = {
    "lr": 1e-2, "steps": 2, "prompts": 4, "minibatch_prompts": 2, "group_size": 4, "max_prompt": 128,
    "max_response": 16, "lora_rank": 8, "warmup_steps": 0, "reward": "accuracy_format",
}  # fmt: skip
RESPONSES = ["so \\boxed{7}", "= \\boxed{8}", "\\boxed{7}"]  # some of each group's; see shim/vllm
RESOURCES = {"CPU": 4, "object_store_memory": 300 * 2**20}  # what Ray may use, whatever the machine has


def make_cell(method: str, seed: int = 1, **options: object) -> Cell:
    """A cell with every option spelled out."""
    whole = asdict(load_method(method, SHORT | options))
    return Cell(
        world="micro", engine="easyr1", method=method, scale="small", seed=seed, model_name="Micro", options=whole,
        digests={"data": "a", "base": "b", "code": "c", "env": "d", "engine": "e"},
    )  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """What a cell left in ``out``."""

    out: Path
    steps: list[TrainingStep]
    run: Run
    rollouts: list[Rollout]


@dataclass(frozen=True)
class Bench:
    """Where everything is, and the cells trained so far: tests that ask for the same cell share one run."""

    data: Path
    base: Path
    folder: Path
    python: Path
    checkout: Path
    shim: str
    done: dict[str, Trained] = field(default_factory=dict)

    def settings(self, workers: int = 1, packed: bool = True, **shared: object) -> EasyR1EngineSettings:
        """Settings for this machine."""
        easyr1 = EasyR1Settings(
            checkout=str(self.checkout), python=str(self.python), gpus_per_node=workers, packed=packed
        )
        known = {"micro_batch": 4, "checkpoint_every": 1, "validate_every": 2, "validation_problems": 3}
        return EasyR1EngineSettings(**(known | shared), easyr1=easyr1)

    def train(self, cell: Cell, settings: EasyR1EngineSettings, out: Path | None = None) -> Trained:
        """Train a cell as the workflow does, unless it is done already; with ``out``, there and in any case."""
        key = cell.model_dump_json() + settings.model_dump_json()
        if out is not None:
            return self._train(cell, settings, out)
        if key not in self.done:
            self.done[key] = self._train(cell, settings, self.folder / f"cell_{len(self.done)}")
        return self.done[key]

    def _train(self, cell: Cell, settings: EasyR1EngineSettings, out: Path) -> Trained:
        with environment(self.shim, settings.easyr1.gpus_per_node):
            train(cell, data=self.data, validation=self.data, base=self.base, out=out, settings=settings)
        return read_results(out)


@contextmanager
def environment(shim: str, gpus: int) -> Iterator[None]:
    """Within this block the stand-ins are in front and Ray believes in GPUs."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in variables(shim, gpus).items():
            monkeypatch.setenv(name, value)
        yield


def variables(paths: str | Sequence[str], gpus: int) -> dict[str, str]:
    """Variables that put the stand-ins in front and let Ray believe in GPUs."""
    return {
        "PYTHONPATH": paths if isinstance(paths, str) else os.pathsep.join(paths),
        "RAY_OVERRIDE_RESOURCES": json.dumps(RESOURCES | {"GPU": gpus}),
        "CEPO_TEST_RESPONSES": json.dumps(RESPONSES),
        "OMP_NUM_THREADS": "1",
        "RAY_worker_niceness": "0",  # relative to the test, which waits for them
    }


def read_results(out: Path) -> Trained:
    """What a cell leaves, checked against the contracts."""
    # The job that calls the engine deletes ``state`` once its own record is written.
    left = {path.name for path in out.iterdir()} - {"state"}
    assert left == {"adapter", "rollouts.parquet", "run.json", "train.jsonl"}
    steps = [TrainingStep.model_validate_json(line) for line in (out / "train.jsonl").read_text().splitlines()]
    run = Run.model_validate_json((out / "run.json").read_text())
    return Trained(out, steps, run, read_rollouts(out / "rollouts.parquet"))
