"""Evaluation on vLLM against the Hugging Face path: the same questions, the same greedy answers, the same contract."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import torch

from contracts.errors import ConfigError, EvalError
from evals.benchmarks import BENCHMARKS
from evals.run import ANSWERS, evaluate
from evals.samples import SCHEMA, read_samples
from evals.scores import score
from evals.settings import EvalSettings
from methods.shared.vllm import environment
from tests.vllm.differences import gaps
from tests.vllm.worlds import World, config, make

AGREE = 0.99  # of the greedy answers
TIE = 1e-3  # nats between the two likeliest tokens, below which float32 sums in another order may swap them
CELL = "cells/{}/small/default/s1"


@pytest.fixture(scope="module")
def world(python: str, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    found = World(folder / "micro", python)
    files = [found.base, found.adapter, *found.benchmarks.values()]
    make(folder, config(folder, {}), [str(file) for file in files])
    return found


@dataclass(frozen=True)
class Pair:
    """One model asked greedily on both paths."""

    vllm: Path
    local: Path

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        return tuple(read_samples(folder / "samples.parquet").to_pandas() for folder in (self.vllm, self.local))


def both(world: World, out: Path, adapter: bool) -> Pair:
    settings = world.settings(temperature=0.0)
    world.evaluate(out / "vllm", settings, adapter)
    plain = EvalSettings(**{name: getattr(settings, name) for name in EvalSettings.model_fields} | {"batch_size": 128})
    chosen = world.adapter if adapter else None
    files = (out / "local" / "samples.parquet", out / "local" / "lmms")
    evaluate("a/b/c/s1", world.base, chosen, world.benchmarks, plain, 1, *files)
    return Pair(out / "vllm", out / "local")


@pytest.fixture(scope="module")
def of_base(world: World, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return both(world, tmp_path_factory.mktemp("base"), adapter=False)


@pytest.fixture(scope="module")
def of_adapter(world: World, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return both(world, tmp_path_factory.mktemp("adapter"), adapter=True)


@pytest.mark.parametrize("name", ["of_base", "of_adapter"])
def test_greedy_answers_agree_and_every_other_is_a_tie(name: str, world: World, request: pytest.FixtureRequest):
    vllm, local = request.getfixturevalue(name).frames()
    assert set(vllm["benchmark"]) == set(BENCHMARKS)
    for column in ("benchmark", "id", "question_hash", "answer"):  # the hash covers prompt, images and settings
        assert vllm[column].tolist() == local[column].tolist(), column
    other = vllm.index[vllm["response"] != local["response"]]
    print(f"{name}: {len(vllm) - len(other)} of {len(vllm)} greedy answers agree")
    assert len(other) <= (1 - AGREE) * len(vllm)
    adapter = world.adapter if name == "of_adapter" else None
    found = gaps(world.base, adapter, world.benchmarks, cases(local, vllm, list(other)))
    print(f"gaps of the others, nats: {found}")
    assert all(gap < TIE for gap in found)


def cases(one: pd.DataFrame, other: pd.DataFrame, which: list[int]) -> list[tuple[str, int, str, str]]:
    """Benchmark, row and both answers; answers stand in the order of the benchmark's rows."""
    rows = one.groupby("benchmark").cumcount()
    return [(one["benchmark"][i], int(rows[i]), one["response"][i], other["response"][i]) for i in which]


def test_an_adapter_is_served_and_changes_answers_that_are_no_ties(of_base: Pair, of_adapter: Pair, world: World):
    before, after = of_base.frames()[0], of_adapter.frames()[0]
    changed = list(before.index[before["response"] != after["response"]])
    assert len(changed) > 0.05 * len(before)
    found = gaps(world.base, None, world.benchmarks, cases(before, after, changed[:8]))
    assert max(found) > 10 * TIE


def test_the_contract_is_the_local_backends(of_base: Pair):
    scores = [score(f / "samples.parquet", f / "lmms", "a/b/c/s1", "0" * 64) for f in (of_base.vllm, of_base.local)]
    assert scores[0].generation == scores[1].generation
    assert abs(scores[0].average - scores[1].average) < 0.01
    assert {f.name for f in (of_base.vllm / "lmms").iterdir()} == {f.name for f in (of_base.local / "lmms").iterdir()}
    assert read_samples(of_base.vllm / "samples.parquet").schema.remove_metadata() == SCHEMA


def test_what_the_sampler_held_is_on_record(of_adapter: Pair, world: World):
    report = json.loads((of_adapter.vllm / "lmms" / "generation.json").read_text())
    held = report["sampler"]["held"]
    assert report["settings"] == world.settings(temperature=0.0).generation()
    assert held["temperature"] == 0 and held["max_new_tokens"] == 96 and held["repetition_penalty"] == 1
    assert report["sampler"]["seeds"] == len(of_adapter.frames()[0])
    assert report["sampler"]["barred_tokens"] > 5
    assert report["sampler"]["versions"] == {"vllm": "0.32.0", "lmms_eval": "0.7.3"}


def test_two_replicas_answer_as_one_engine(world: World, tmp_path: Path):
    one, two = (world.settings({"data_parallel": count}, limit=8) for count in (1, 2))
    first = read_samples(world.evaluate(tmp_path / "1", one) / "samples.parquet").to_pandas()
    parted = read_samples(world.evaluate(tmp_path / "2", two) / "samples.parquet").to_pandas()
    assert parted["question_hash"].tolist() == first["question_hash"].tolist()
    assert (parted["response"] == first["response"]).mean() > 0.9  # the noise is the question's; sums may differ


def test_a_merged_model_reports_what_rounding_kept(world: World, tmp_path: Path):
    from evals.local_model import load

    out = world.evaluate(tmp_path, world.settings(limit=2), adapter=True, weights="merged_bf16")
    report = json.loads((out / "lmms" / "generation.json").read_text())
    _, _, kept = load(str(world.base), str(world.adapter), "float32", "cpu", "merged_bf16")
    assert report["update_kept"] == pytest.approx(kept, abs=1e-6)
    assert 0 < report["update_kept"] < 1.5


def test_an_answer_that_is_cut_is_counted_and_a_prompt_without_room_is_not_asked(world: World, tmp_path: Path):
    settings = world.settings({"max_model_len": 96}, limit=4, max_new_tokens=400, temperature=2.0)
    found = json.loads((world.evaluate(tmp_path / "1", settings) / "lmms" / "generation.json").read_text())["sampler"]
    frame = read_samples(tmp_path / "1" / "samples.parquet").to_pandas()
    assert found["cut_by_max_model_len"] == (frame["truncated"] & (frame["tokens"] < 400)).sum() > 0
    assert found["prompt_too_long"] == (frame["tokens"] == 0).sum()
    with pytest.raises(EvalError, match=r"no prompt left room for a response; raise evaluation.vllm.max_model_len"):
        world.evaluate(tmp_path / "2", world.settings({"max_model_len": 8}, limit=1))


def test_a_killed_evaluation_goes_on_from_its_answers(world: World, tmp_path: Path):
    settings = world.settings(limit=8)
    whole = read_samples(world.evaluate(tmp_path / "1", settings) / "samples.parquet").to_pandas()
    job = world.job(tmp_path / "2", settings)
    (tmp_path / "job.json").write_text(job.model_dump_json())
    command = [world.python, "-P", "-m", "evals.vllm.run", str(tmp_path / "job.json"), str(tmp_path / "failure.json")]
    process = subprocess.Popen(command, env=environment("cpu"))
    written = tmp_path / "2" / ANSWERS
    while sum(part.read_bytes().count(b"\n") for part in written.glob("*.jsonl")) < 5:
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    known = {line for part in written.glob("*.jsonl") for line in part.read_text().split("\n")[:-1]}
    assert 5 <= len(known) < len(whole) and not (tmp_path / "2" / "samples.parquet").exists()
    gone_on = read_samples(world.evaluate(tmp_path / "2", settings) / "samples.parquet").to_pandas()
    assert gone_on["question_hash"].tolist() == whole["question_hash"].tolist()
    assert {json.loads(line)["text"] for line in known} <= set(gone_on["response"])
    assert (gone_on["response"] == whole["response"]).mean() > 0.9  # the noise is the question's; sums may differ
    assert not written.exists()


def test_a_python_that_cannot_be_run_is_refused(world: World, tmp_path: Path):
    with pytest.raises(ConfigError, match=r"evaluation.vllm.python: /nowhere/python cannot be run"):
        world.evaluate(tmp_path, world.settings({"python": "/nowhere/python"}))
    assert not list(tmp_path.iterdir())


def test_the_workflow_evaluates_with_vllm(world: World, python: str, tmp_path: Path):
    use = {"python": python, "max_model_len": 512, "enforce_eager": True}
    scores = tmp_path / "micro" / CELL.format("grpo") / "eval" / "scores.json"
    make(tmp_path, config(tmp_path, {"backend": "vllm", "vllm": use, "limit": 3}), [str(scores)])
    assert {found["n"] for found in json.loads(scores.read_text())["benchmarks"].values()} == {3}
    assert torch.isfinite(torch.tensor(json.loads(scores.read_text())["average"]))
