"""Cells of two tiny steps, trained as the workflow trains them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from methods.base import load_method
from methods.engines.easyr1.settings import EasyR1Settings, EngineSettings
from methods.engines.easyr1.train import train
from workflows.lib.records import Cell, Run, Step

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


def make_settings(python: Path, checkout: Path, workers: int, packed: bool, **shared: object) -> EngineSettings:
    """Settings for this machine."""
    easyr1 = EasyR1Settings(checkout=str(checkout), python=str(python), gpus_per_node=workers, packed=packed)
    known = {"micro_batch": 4, "checkpoint_every": 1, "validate_every": 2, "validation_problems": 3}
    return EngineSettings(**(known | shared), easyr1=easyr1)


def environment(shim: str, workers: int) -> dict[str, str]:
    """Variables that put the stand-ins in front and let Ray believe in GPUs."""
    resources = json.dumps(RESOURCES | {"GPU": workers})
    return {
        "PYTHONPATH": shim,
        "RAY_OVERRIDE_RESOURCES": resources,
        "CEPO_TEST_RESPONSES": json.dumps(RESPONSES),
        "OMP_NUM_THREADS": "1",
    }


def train_here(
    monkeypatch: pytest.MonkeyPatch, cell: Cell, data: Path, base: Path, out: Path, settings: EngineSettings, shim: str
) -> tuple[list[Step], Run]:
    """Train a cell; its step lines and its record."""
    for name, value in environment(shim, settings.easyr1.gpus_per_node).items():
        monkeypatch.setenv(name, value)
    train(cell, data=data, validation=data, base=base, out=out, settings=settings)
    return read_results(out)


def read_results(out: Path) -> tuple[list[Step], Run]:
    """What a cell leaves, checked against the contracts."""
    lines = (out / "train.jsonl").read_text().splitlines()
    assert sorted(path.name for path in out.iterdir()) == ["adapter", "rollouts.parquet", "run.json", "train.jsonl"]
    return [Step.model_validate_json(line) for line in lines], Run.model_validate_json((out / "run.json").read_text())
