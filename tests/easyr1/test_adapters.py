"""Adapters cross environments: transformers 5 with a current peft here, transformers 4.57 with peft 0.18 there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from methods.engines.local.train import train as train_locally
from methods.engines.shared.settings import SharedSettings
from tests.easyr1.cells import Bench, make_cell

SCRIPT = Path(__file__).with_name("adapter_logp.py")


@pytest.fixture(scope="session")
def both_adapters(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same cell trained by either engine."""
    cell, out = make_cell("opsd"), tmp_path_factory.mktemp("local") / "cell"
    trained = bench.train(cell, bench.settings())
    local = SharedSettings(micro_batch=4, checkpoint_every=1, validation_problems=0)
    train_locally(cell, bench.data, bench.data, bench.base, out, local)
    return {"easyr1": trained.out / "adapter", "local": out / "adapter"}


@pytest.mark.parametrize("engine", ["easyr1", "local"])
def test_adapters_load_in_both_environments(
    engine: str, both_adapters: dict[str, Path], bench: Bench, rounded_base: Path, older_base: Path, tmp_path: Path
):
    """The same log-probs with each adapter."""
    found = {}
    environments = (("here", sys.executable, "", rounded_base), ("there", str(bench.python), bench.shim, older_base))
    for name, interpreter, path, base in environments:
        command = [interpreter, SCRIPT, base, both_adapters[engine], bench.data, tmp_path / name]
        done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        found[name] = load_file(tmp_path / name)
    assert_close(found["here"]["with"], found["there"]["with"], atol=1e-5, rtol=0)
    assert float((found["here"]["with"] - found["here"]["without"]).abs().max()) > 1e-4


def test_the_adapter_evaluates_under_lmms_eval(both_adapters: dict[str, Path], bench: Bench, tmp_path: Path):
    """An adapter that EasyR1 trained, through the evaluation that every cell gets."""
    from evals.run import evaluate
    from evals.samples import read_samples
    from evals.settings import EvalSettings
    from tests.helpers.eval_fixtures import write_benchmarks

    benchmarks = write_benchmarks(tmp_path / "benchmarks", 3)
    evaluate(
        "opsd/small/default/s1", bench.base, both_adapters["easyr1"], benchmarks, EvalSettings(max_new_tokens=8), 1,
        tmp_path / "samples.parquet", tmp_path / "raw",
    )  # fmt: skip
    assert read_samples(tmp_path / "samples.parquet").num_rows == 3 * len(benchmarks)
