"""Fixtures shared by all tests: a tiny untrained base model and drawn problems, made once per test run."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings

from methods.micro.settings import BaseTraining, MicroSettings, ModelShape
from methods.shared.references import Member
from tests.helpers.kept_graders import kept_processes

torch.set_num_threads(1)
# Importing torch and the other libraries makes a million objects that stay: nothing looks for garbage among them, now
# or later (pytest_collection_finish).
gc.disable()
# Dozens of tests start Python. They need not compile the project's modules each time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# A busy machine is no reason for a test to fail: properties are about values, not about time.
settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")

UNTRAINED = BaseTraining(vision_steps=0, steps=0)
# One layer is enough for a model that is not trained, and a thousand problems for the words of its tokenizer.
SHAPE = ModelShape(name="Micro-VL-S", hidden=96, layers=1, intermediate=288)
TINY = MicroSettings(
    train=64, validation=16, test=16, pool=1000, bench_pool=600, shapes={"small": SHAPE}, training={"small": UNTRAINED}
)

# Files whose tests take long, the longest first, so that what is left at last is short.
LONG = (
    *("workflows/runs/test_reruns", "workflows/runs/test_bad_input", "workflows/runs/test_planning"),
    *("workflows/runs/test_experiments", "workflows/runs/test_fetch", "workflows/lib/publish/test_rebuild"),
    *("methods/engines/local/test_local_train", "methods/engines/local/test_services", "evals/test_eval_run"),
    *("evals/test_eval_traps", "methods/engines/shared/test_kept_rollouts", "methods/test_switches"),
    *("workflows/lib/cache/test_reach", "methods/shared/test_rewards", "methods/micro/test_micro_checks"),
    *("methods/engines/local/test_gradients", "evals/analysis/tables/test_credit_table"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files of LONG in front; the order within a file stays."""
    place = {Path(__file__).parent / f"{name}.py": number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


def pytest_collection_finish() -> None:
    """Look for garbage again, but only among what tests make."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="module")
def kept_graders() -> Iterator[None]:
    """For files that train many cells: the processes of their graders are started once."""
    with kept_processes():
        yield


@pytest.fixture(scope="session")
def micro_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with train, validation and test parquet files."""
    from methods.micro.data import write_splits

    folder = tmp_path_factory.mktemp("data")
    write_splits(TINY, folder)
    return folder


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hugging Face folder of the small micro model with random weights."""
    from methods.micro.bases import build_base

    folder = tmp_path_factory.mktemp("base") / "model"
    build_base(TINY, "small", folder, folder.parent / "progress.jsonl")
    return folder


@pytest.fixture
def every_teacher_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """The untrained base is never right, also as a teacher: every privileged rollout counts as right."""
    from methods.engines.local.services import privileged

    theirs = privileged.read_members

    def read(*asked: Any) -> tuple[list[Member], int]:
        members, timeouts = theirs(*asked)
        return [replace(one, correct=True, reward=1.0) for one in members], timeouts

    monkeypatch.setattr(privileged, "read_members", read)
