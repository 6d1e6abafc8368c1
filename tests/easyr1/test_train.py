"""Cells end to end under an unmodified EasyR1: Ray, FSDP, its rollout and checkpoint code, one worker and two."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cells import environment, make_cell, make_settings, train_here

from methods.engines.local.settings import EngineSettings as LocalSettings
from methods.engines.local.train import train as train_locally
from workflows.lib.errors import TrainError
from workflows.lib.records import Step

HERE = Path(__file__).parent
METHODS = ("grpo", "rlsd", "cepo", "opsd", "sdpo")
RUNS = [(method, workers, packed) for method in METHODS for workers in (1, 2) for packed in (True, False)]


@pytest.mark.parametrize(("method", "workers", "packed"), RUNS)
def test_two_steps(
    method: str, workers: int, packed: bool, few_problems: Path, tiny_base: Path, tmp_path: Path, python: Path,
    checkout: Path, shim_path: str, monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    settings, cell = make_settings(python, checkout, workers, packed), make_cell(method)
    out = tmp_path / "cell"
    steps, run = train_here(monkeypatch, cell, few_problems, tiny_base, out, settings, shim_path)
    assert [s.step for s in steps] == [1, 2]
    assert run.cell_digest == cell.digest and run.versions["transformers"].startswith("4.57")
    assert run.val_accuracy_start is not None and steps[1].val_accuracy is not None and run.val_problems == 3
    for step in steps:
        assert step.tokens > 0 and step.entropy > 0 and math.isfinite(step.loss) and step.lr > 0
        assert set(step.seconds) >= {"rollout", "verify", "score", "update"}
        assert step.mixed > 0 and step.delta_w > 0
    if method in ("rlsd", "cepo"):
        assert [s.lam for s in steps] == pytest.approx([0.5, 0.48])
        assert all(s.evidence and s.evidence.weight_clip_rate is not None for s in steps)
    if method != "grpo":
        assert all(s.seconds["teacher"] > 0 for s in steps)


def test_workers_and_packing_do_not_change_the_numbers(
    few_problems: Path, tiny_base: Path, tmp_path: Path, python: Path, checkout: Path, shim_path: str,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    """Seeds count over all workers and mini-batches are the method's, so only rounding may differ."""
    runs = []
    for workers, packed in ((1, True), (2, False)):
        settings, out = make_settings(python, checkout, workers, packed), tmp_path / f"{workers}"
        runs.append(train_here(monkeypatch, make_cell("opsd"), few_problems, tiny_base, out, settings, shim_path)[0])
    for one, other in zip(*runs, strict=True):
        assert one.tokens == other.tokens
        assert one.loss == pytest.approx(other.loss, abs=1e-5)
        assert one.delta_w == pytest.approx(other.delta_w, rel=1e-3)


def test_a_killed_run_goes_on(
    few_problems: Path, tiny_base: Path, tmp_path: Path, python: Path, checkout: Path, shim_path: str,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    """Same lines as an unbroken run: lambda clock, learning rate, data order, seeds, optimizer and ema teacher."""
    cell = make_cell("cepo", steps=3, decay_steps=3, teacher_weights="ema", lr_schedule="cosine")
    settings = make_settings(python, checkout, 1, True)
    whole, _ = train_here(monkeypatch, cell, few_problems, tiny_base, tmp_path / "whole", settings, shim_path)
    out = tmp_path / "cell"
    asked = {"cell": cell.model_dump(), "settings": settings.model_dump(), "data": str(few_problems)}
    (tmp_path / "asked.json").write_text(json.dumps(asked | {"base": str(tiny_base), "out": str(out)}))
    env = os.environ | environment(shim_path, 1)
    env["PYTHONPATH"] = os.pathsep.join([shim_path, str(HERE.parents[1])])
    command = [sys.executable, HERE / "train_in_process.py", tmp_path / "asked.json"]
    process = subprocess.Popen(command, env=env, start_new_session=True)
    tracker = out / "state" / "easyr1" / "checkpoint_tracker.json"
    while not tracker.exists() and process.poll() is None:
        time.sleep(0.2)
    assert process.poll() is None, "the run ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    steps, run = train_here(monkeypatch, cell, few_problems, tiny_base, out, settings, shim_path)
    assert len(run.resumed_at) == 1 and 1 <= run.resumed_at[0] <= 2
    assert [comparable(s) for s in steps] == [comparable(s) for s in whole]
    assert [s.lam for s in steps] == pytest.approx([0.5, 0.5 * 2 / 3, 0.5 / 3])


def comparable(step: Step) -> dict:
    """What must not depend on a kill."""
    values = step.model_dump(exclude={"seconds", "val_accuracy"})
    return {name: round(value, 5) if isinstance(value, float) else value for name, value in values.items()}


def test_a_checkpoint_of_another_cell_is_refused(
    few_problems: Path, tiny_base: Path, tmp_path: Path, python: Path, checkout: Path, shim_path: str,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    folder = tmp_path / "state" / "easyr1"
    (folder / "global_step_1").mkdir(parents=True)
    (folder / "global_step_1" / "cell.json").write_text(json.dumps({"cell_digest": "another", "resumed_at": []}))
    (folder / "checkpoint_tracker.json").write_text(json.dumps({"last_global_step": 1}))
    settings = make_settings(python, checkout, 1, True)
    with pytest.raises(TrainError, match="checkpoint of another cell"):
        train_here(monkeypatch, make_cell("grpo"), few_problems, tiny_base, tmp_path, settings, shim_path)


def test_too_few_gpus_are_one_line(
    few_problems: Path, tiny_base: Path, tmp_path: Path, python: Path, checkout: Path, shim_path: str,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    settings = make_settings(python, checkout, 2, True)
    for name, value in environment(shim_path, 1).items():
        monkeypatch.setenv(name, value)
    from methods.engines.easyr1.train import train

    with pytest.raises(TrainError, match=r"^easyr1.gpus_per_node: 2 GPUs are asked for, Ray sees 1; lower nodes"):
        train(make_cell("grpo"), few_problems, few_problems, tiny_base, tmp_path, settings)


@pytest.fixture(scope="module")
def both_adapters(
    few_problems: Path, tiny_base: Path, python: Path, checkout: Path, shim_path: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:  # fmt: skip
    """The same cell trained by either engine."""
    folder, cell = tmp_path_factory.mktemp("adapters"), make_cell("opsd")
    with pytest.MonkeyPatch.context() as monkeypatch:
        settings = make_settings(python, checkout, 1, True)
        train_here(monkeypatch, cell, few_problems, tiny_base, folder / "easyr1", settings, shim_path)
    local = LocalSettings(micro_batch=4, checkpoint_every=1, validation_problems=0)
    train_locally(cell, few_problems, few_problems, tiny_base, folder / "local", local)
    return {name: folder / name / "adapter" for name in ("easyr1", "local")}


@pytest.mark.parametrize("engine", ["easyr1", "local"])
def test_adapters_load_in_both_environments(
    engine: str, both_adapters: dict[str, Path], few_problems: Path, rounded_base: Path, older_base: Path,
    tmp_path: Path, python: Path, shim_path: str,
):  # fmt: skip
    """transformers 5 with a current peft, transformers 4.57 with peft 0.18: the same log-probs with each adapter."""
    from safetensors.torch import load_file
    from torch.testing import assert_close

    found = {}
    environments = (("here", sys.executable, "", rounded_base), ("there", str(python), shim_path, older_base))
    for name, interpreter, path, base in environments:
        command = [interpreter, HERE / "adapter_logp.py", base, both_adapters[engine], few_problems, tmp_path / name]
        done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        found[name] = load_file(tmp_path / name)
    assert_close(found["here"]["with"], found["there"]["with"], atol=1e-5, rtol=0)
    assert float((found["here"]["with"] - found["here"]["without"]).abs().max()) > 1e-4


def test_the_adapter_evaluates_under_lmms_eval(both_adapters: dict[str, Path], tiny_base: Path, tmp_path: Path):
    """An adapter that EasyR1 trained, through the evaluation that every cell gets."""
    from eval_fixtures import write_benchmarks

    from evals.run import evaluate
    from evals.samples import read_samples
    from evals.settings import EvalSettings

    benchmarks = write_benchmarks(tmp_path / "benchmarks", 3)
    evaluate(
        "opsd/small/default/s1", tiny_base, both_adapters["easyr1"], benchmarks, EvalSettings(max_new_tokens=8), 1,
        tmp_path / "samples.parquet", tmp_path / "raw",
    )  # fmt: skip
    assert read_samples(tmp_path / "samples.parquet").num_rows == 3 * len(benchmarks)
