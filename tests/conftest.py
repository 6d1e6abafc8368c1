"""Fixtures shared by all tests: a tiny untrained base model and drawn problems, made once per test run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from methods.micro.settings import BaseTraining, MicroSettings

torch.set_num_threads(1)
# A busy machine is no reason for a test to fail: properties are about values, not about time.
settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")

UNTRAINED = BaseTraining(vision_steps=0, steps=0)
TINY = MicroSettings(train=64, validation=16, test=16, training={"small": UNTRAINED, "large": UNTRAINED})


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
