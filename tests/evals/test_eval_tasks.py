"""Our task files: upstream's tasks under upstream's names, only the data elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from evals.benchmarks import BENCHMARKS
from evals.harness import REASONING_TAGS, Scoring, load_tasks
from evals.tasks import task_config, upstream_tasks
from tests.helpers.eval_fixtures import write_benchmarks


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict]:
    folder = tmp_path_factory.mktemp("tasks")
    with closing(Scoring()) as scoring:
        loaded, _ = load_tasks(write_benchmarks(folder / "data", 6), folder, scoring)
        yield dict(zip(BENCHMARKS, loaded, strict=True))


def test_five_benchmarks_with_the_papers_items():
    assert {b.name: b.items for b in BENCHMARKS.values()} == {
        "dynamath": 5010,
        "logicvista": 448,
        "mathvision": 304,
        "mmmu": 900,
        "wemath": 1740,
    }


def test_micro_benchmarks_never_carry_the_real_name_alone():
    assert [BENCHMARKS["mmmu"].display(world) for world in ("micro", "paper")] == ["micro-MMMU", "MMMU"]


@pytest.mark.parametrize("name", list(BENCHMARKS))
def test_only_the_data_changes(name: str, tmp_path: Path):
    ours = task_config(BENCHMARKS[name], tmp_path / "x.parquet", tmp_path)
    upstream = (upstream_tasks() / BENCHMARKS[name].yaml).read_text()
    assert f"{BENCHMARKS[name].task}" in upstream.replace('"', "")
    changed = set(ours) - {"include", "task", "dataset_path", "dataset_kwargs"}
    assert changed == ({"metric_list"} if name == "wemath" else set())
    assert yaml.safe_load(yaml.safe_dump(ours)) == ours


@pytest.mark.parametrize("name", list(BENCHMARKS))
def test_prompt_and_scoring_are_upstreams_own(name: str, tasks: dict):
    config, bench = tasks[name].config, BENCHMARKS[name]
    module = f"{bench.yaml.rpartition('/')[0]}/utils"
    assert config.task == bench.task
    assert config.test_split == bench.split
    for function in (config.doc_to_messages or config.doc_to_text, config.process_results):
        source = function.__wrapped__ if hasattr(function, "__wrapped__") else function
        assert module in source.__code__.co_filename or "_task_utils" in source.__code__.co_filename


def test_the_command_line_strips_the_same_reasoning_tags(monkeypatch: pytest.MonkeyPatch):
    from lmms_eval.__main__ import parse_eval_args

    monkeypatch.setattr("sys.argv", ["lmms_eval"])
    assert parse_eval_args()[1].reasoning_tags == REASONING_TAGS
