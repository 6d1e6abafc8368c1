"""The engine is chosen by the config: what decides a cell, and what a job is told."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from methods.engines.easyr1.settings import EasyR1EngineSettings
from methods.engines.local.vllm.settings import LocalSettings
from methods.engines.registry import ENGINES
from workflows.lib.cache.digest import code_digest, followed
from workflows.lib.config.loading import ConfigSource, engine_settings, load_config
from workflows.lib.dag.grid import Key
from workflows.lib.dag.study import Study

CELL = Key("grpo", "small", "default", 1)


def study(**more: Any) -> Study:
    raw = {
        "world": "micro",
        "methods": ["grpo"],
        "scales": {"small": {"base_model": "micro://small"}},
        "experiments": ["table2"],
    }
    source = ConfigSource("my.yaml", frozenset())
    return Study.of(load_config(raw | more, {}, source), source)


def test_settings_of_easyr1_count_only_where_it_trains():
    plain = study().grid.cell(CELL)
    assert study(easyr1={"packed": False}).grid.cell(CELL) == plain
    other = study(engine="easyr1").grid.cell(CELL)
    assert other.engine == "easyr1" and other.digests["engine"] != plain.digests["engine"]
    assert study(engine="easyr1", easyr1={"packed": False}).grid.cell(CELL).digest != other.digest


def test_where_easyr1_is_decides_nothing():
    somewhere = {"checkout": "/elsewhere", "python": "/usr/bin/python3", "ray_address": "auto"}
    assert study(engine="easyr1", easyr1=somewhere).grid.cell(CELL) == study(engine="easyr1").grid.cell(CELL)


def test_a_job_is_told_the_settings_of_its_engine():
    shared = {"grade_deadline": "1e-1", "micro_batch": 8}
    plain = engine_settings({"engine": "local", "engine_settings": shared, "easyr1": {}})
    assert plain == LocalSettings(grade_deadline=0.1, micro_batch=8).deciding().model_dump()
    raw = {"engine": "easyr1", "engine_settings": shared, "easyr1": {"nodes": 2}}
    told = EasyR1EngineSettings.model_validate(engine_settings(raw))
    assert (told.easyr1.nodes, told.micro_batch, told.grade_deadline) == (2, 8, 0.1)
    assert EasyR1EngineSettings.model_validate(engine_settings({"engine": "easyr1"})) == EasyR1EngineSettings()


def test_every_engine_is_called_the_same_way():
    for module in ENGINES.values():
        engine = import_module(module)
        assert callable(engine.train) and engine.SETTINGS().checkpoint_every == 10


def test_code_that_runs_in_easyr1_s_environment_decides_cells():
    """train.py reaches it by file names only."""
    names = {
        module.rpartition(".")[2]
        for module in followed(ENGINES["easyr1"])
        if module.startswith("methods.engines.easyr1.")
    }
    assert {"run", "worker", "actor", "trainer", "losses", "head", "teachers", "data", "reward"} <= names
    assert code_digest(ENGINES["easyr1"]) != code_digest(ENGINES["local"])
