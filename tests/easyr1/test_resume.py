"""A run that is killed goes on where it was; a checkpoint that is not its own is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from contracts.errors import TrainError
from contracts.records import Cell
from methods.engines.easyr1.settings import EasyR1EngineSettings
from methods.engines.easyr1.train import train
from tests.easyr1.cells import Bench, environment, make_cell, variables

HERE = Path(__file__).parent
CELLS = {
    "one worker, packed": (1, True, "cepo", {"teacher_weights": "ema", "decay_steps": 3}),
    "two workers, padded": (2, False, "sdpo", {"teacher_weights": "synced", "teacher_sync": 2}),
    "two workers, without LoRA": (2, True, "cepo", {"teacher_weights": "ema", "decay_steps": 3, "lora_rank": 0}),
}


@pytest.mark.parametrize("name", CELLS)
def test_a_killed_run_goes_on(name: str, bench: Bench, tmp_path: Path):
    """Same numbers as an unbroken run: lambda clock, learning rate, data, seeds, optimizer, teachers, rollouts."""
    workers, packed, method, options = CELLS[name]
    cell = make_cell(method, steps=3, lr_schedule="cosine", **options)
    settings = bench.settings(workers, packed)
    kill_after_a_checkpoint(cell, settings, bench, tmp_path)
    went_on = bench.train(cell, settings, tmp_path / "cell")
    assert len(went_on.run.resumed_at) == 1 and went_on.run.resumed_at[0] in (1, 2)
    whole = bench.train(cell, settings)
    assert [s.model_dump(exclude={"seconds"}) for s in went_on.steps] == [
        s.model_dump(exclude={"seconds"}) for s in whole.steps
    ]
    assert went_on.rollouts == whole.rollouts
    file = "adapter_model.safetensors" if cell.options["lora_rank"] else "model.safetensors"
    tensors = [load_file(one.out / "adapter" / file) for one in (went_on, whole)]
    for key, tensor in tensors[1].items():
        assert_close(tensors[0][key], tensor, atol=0, rtol=0)
    if method == "cepo":
        assert [s.lam for s in went_on.steps] == pytest.approx([0.5, 0.5 * 2 / 3, 0.5 / 3])


def kill_after_a_checkpoint(cell: Cell, settings: EasyR1EngineSettings, bench: Bench, folder: Path) -> None:
    """Start the cell in a process of its own and kill it, and all it started, once a checkpoint is there."""
    asked = {"cell": cell.model_dump(), "settings": settings.model_dump(), "data": str(bench.data)}
    (folder / "asked.json").write_text(json.dumps(asked | {"base": str(bench.base), "out": str(folder / "cell")}))
    env = os.environ | variables([bench.shim, str(HERE.parents[1])], settings.easyr1.gpus_per_node)
    command = [sys.executable, HERE / "train_in_process.py", folder / "asked.json"]
    process = subprocess.Popen(command, env=env, start_new_session=True)
    tracker = folder / "cell" / "state" / "easyr1" / "checkpoint_tracker.json"
    while not tracker.exists() and process.poll() is None:
        time.sleep(0.05)
    assert process.poll() is None, "the run ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_checkpoint_of_another_cell_is_refused(bench: Bench, tmp_path: Path):
    folder = tmp_path / "state" / "easyr1"
    (folder / "global_step_1").mkdir(parents=True)
    (folder / "global_step_1" / "cell.json").write_text(json.dumps({"cell_digest": "another", "resumed_at": []}))
    (folder / "checkpoint_tracker.json").write_text(json.dumps({"last_global_step": 1}))
    with pytest.raises(TrainError, match="checkpoint of another cell"):
        bench.train(make_cell("grpo"), bench.settings(), tmp_path)


def test_too_few_gpus_are_one_line(bench: Bench, tmp_path: Path):
    with (
        environment(bench.shim, 1),
        pytest.raises(TrainError, match=r"^easyr1.gpus_per_node: 2 GPUs are asked for, Ray sees 1; lower nodes"),
    ):
        train(make_cell("grpo"), bench.data, bench.data, bench.base, tmp_path, bench.settings(workers=2))
