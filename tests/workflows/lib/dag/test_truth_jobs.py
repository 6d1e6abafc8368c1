"""Which advantages of tokens are measured: arms, policies, files and keys."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from contracts.errors import ConfigError
from contracts.truth import TruthPlan
from tests.workflows.lib.dag.test_grid import grid
from workflows.lib.dag.result_files import ResultFiles
from workflows.lib.dag.truth_jobs import TruthJobs

ONE = {"one": {"title": "t", "truth": [{}], "variants": {"steps=9": {"methods": ["grpo"], "set": {"steps": 9}}}}}


def jobs(**change: Any) -> TruthJobs:
    return TruthJobs(ResultFiles(grid(ONE, experiments=["one"], **change)))


def plan(made: TruthJobs, state: str = "base") -> TruthPlan:
    return TruthPlan.model_validate_json(made.plan(SimpleNamespace(scale="small", state=state, seed="1")))


def test_every_method_and_every_control_is_measured_and_grpo_first():
    assert [arm.name for arm in plan(jobs()).arms] == ["grpo", "cepo", "anti_oracle", "entropy", "oracle"]
    assert len(jobs().wanted) == 2 * 2
    assert jobs().products == [f"results/micro/truth/{n}.jsonl" for n in ("estimates", "measurements", "shown")]


def test_what_decides_the_numbers_is_in_the_plan():
    assert plan(jobs()).digests.keys() == {"base", "data", "code", "env"}
    assert plan(jobs(truth={"continuations": 8})).continuations == 8
    assert jobs(truth={"continuations": 8}).estimates(None) != jobs().estimates(None)
    assert plan(jobs(truth={"states": ["steps=9"]}), "steps=9").digests.keys() >= {"adapter"}


def test_a_state_that_is_no_variant_is_one_line():
    with pytest.raises(ConfigError, match=r"truth\.states: no variant 'nowhere'"):
        jobs(truth={"states": ["nowhere"]}).check()
