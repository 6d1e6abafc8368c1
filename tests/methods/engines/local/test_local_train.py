"""The local engine's training loop: methods move, a killed run ends with the same bits, failures say what to do."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import signal
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from contracts.errors import ConfigError, DataError, TrainError
from contracts.records import Cell, Run, TrainingStep
from contracts.rollouts import read_rollouts
from methods.base import load_method
from methods.engines.local import checkpoint
from methods.engines.local.policy import Policy, load_base
from methods.engines.local.train import Trainer, train
from methods.engines.local.vllm import train as vllm_train
from methods.engines.local.vllm.settings import LocalSettings
from methods.engines.shared.minibatches import minibatches
from methods.engines.shared.problems import load_problems, step_rows
from methods.engines.shared.settings import SharedSettings
from methods.shared.rewards import Grader
from tests.helpers.kept_graders import forget_processes
from tests.helpers.scored_credit import check_scored

SMALL = {"lr": 1e-2, "steps": 5, "prompts": 4, "group_size": 4, "minibatch_prompts": 2, "max_response": 16}
# The untrained base never answers right, but it sometimes writes a box: the format reward gives its groups advantages.
OPTIONS = {"reward": "accuracy_format"} | SMALL
SETTINGS = SharedSettings(checkpoint_every=2, validate_every=2, validation_problems=4)
METHODS = ["grpo", "rlsd", "cepo", "opsd", "sdpo"]

pytestmark = pytest.mark.usefixtures("kept_graders")


def make_cell(method: str, **options) -> Cell:
    return Cell(
        world="micro",
        engine="local",
        method=method,
        scale="small",
        seed=1,
        model_name="tiny",
        options=OPTIONS | options,
        digests={},
    )


def run(cell: Cell, base: Path, data: Path, out: Path) -> dict[str, torch.Tensor]:
    """Train and return the adapter's tensors."""
    train(cell, data / "train.parquet", data / "validation.parquet", base, out, SETTINGS)
    return adapter_of(out)


@pytest.fixture(scope="module")
def trained(tiny_base, micro_data, tmp_path_factory) -> Callable[[str], Path]:
    """The folder of a method's finished cell, not to be changed; each method is trained once for all tests."""

    @cache
    def folder(method: str) -> Path:
        out = tmp_path_factory.mktemp(method)
        run(make_cell(method), tiny_base, micro_data, out)
        return out

    return folder


def adapter_of(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "adapter" / "adapter_model.safetensors")


def same_bits(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def decisive(steps: Path) -> list[dict]:
    """Step lines without the times, which no two runs share."""
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in steps.read_text().splitlines()]


@pytest.mark.parametrize("rollouts", ["hf", "vllm"])
def test_training_without_an_adapter_is_refused_at_once(rollouts: str, tmp_path: Path):
    start = vllm_train.train if rollouts == "vllm" else train
    message = "^options.lora_rank: 0 trains the model's own weights, .* an adapter; use engine: easyr1, or a rank of"
    with pytest.raises(ConfigError, match=message):
        start(make_cell("sdpo", lora_rank=0), *[tmp_path / "none"] * 3, tmp_path / "out", LocalSettings())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("method", METHODS)
def test_a_cell_leaves_its_contract_files(method, trained):
    out = trained(method)
    assert any(v.abs().max() > 0 for k, v in adapter_of(out).items() if "lora_B" in k)
    steps = [TrainingStep.model_validate_json(line) for line in (out / "train.jsonl").read_text().splitlines()]
    assert [s.step for s in steps] == [1, 2, 3, 4, 5]
    assert [s.val_accuracy is not None for s in steps] == [False, True, False, True, True]
    assert {"rollout", "verify", "update"} <= steps[0].seconds.keys()
    record = Run.model_validate_json((out / "run.json").read_text())
    assert record.cell == f"{method}/small/default/s1"
    assert record.resumed_at == []
    assert (out / "state").exists()  # it is removed when the record of the cell is written
    check_scored(out, steps=5)


def test_adapter_loads_with_peft_alone(tiny_base, trained):
    adapter, folder = adapter_of(trained("opsd")), trained("opsd") / "adapter"
    model = PeftModel.from_pretrained(load_base(tiny_base, "float32"), folder)
    loaded = {k.replace(".default", ""): v for k, v in model.state_dict().items() if "lora_" in k}
    assert same_bits(adapter, loaded)
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (16, 32, 0.0)
    assert not any("visual" in name for name in adapter)


def test_the_same_cell_gives_the_same_bits(trained, tiny_base, micro_data, tmp_path):
    second = run(make_cell("cepo"), tiny_base, micro_data, tmp_path)
    assert same_bits(adapter_of(trained("cepo")), second)
    assert decisive(trained("cepo") / "train.jsonl") == decisive(tmp_path / "train.jsonl")


def train_until_killed(*arguments: object) -> int:
    """Train in a fork of this process, which is killed within step 4; returns how it ended.

    A fork has imported all that training needs, which takes a new process many seconds.
    """
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):  # whatever happens, the fork must not go on with the tests
            forget_processes()  # those belong to the parent
            step = Trainer.step

            def killed(trainer: Trainer, number: int) -> TrainingStep:
                if number == 3:
                    threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGKILL)).start()
                return step(trainer, number)

            Trainer.step = killed
            train(*arguments)
        os._exit(1)
    return os.waitpid(child, 0)[1]


@pytest.mark.parametrize("method", ["cepo", "sdpo"])  # sdpo's ema teacher has weights of its own to bring back
def test_killed_and_started_again_ends_with_the_same_bits(method, trained, tiny_base, micro_data, tmp_path):
    cell, unbroken, out = make_cell(method), trained(method), tmp_path / "killed"
    data = (micro_data / "train.parquet", micro_data / "validation.parquet")
    assert train_until_killed(cell, *data, tiny_base, out, SETTINGS) == signal.SIGKILL
    assert len((out / "state" / "progress.jsonl").read_text().splitlines()) in (3, 4)
    resumed = run(cell, tiny_base, micro_data, out)
    assert same_bits(resumed, adapter_of(unbroken))
    assert decisive(out / "train.jsonl") == decisive(unbroken / "train.jsonl")
    assert read_rollouts(out / "rollouts.parquet") == read_rollouts(unbroken / "rollouts.parquet")
    assert Run.model_validate_json((out / "run.json").read_text()).resumed_at[0] in (2, 4)


def test_a_cell_killed_before_its_record_was_written_goes_on_from_its_last_checkpoint(
    trained, tiny_base, micro_data, tmp_path
):
    out = tmp_path / "cell"
    shutil.copytree(trained("cepo"), out)  # with its state, and without the record that ends the job
    again = run(make_cell("cepo"), tiny_base, micro_data, out)
    assert same_bits(again, adapter_of(trained("cepo")))
    assert decisive(out / "train.jsonl") == decisive(trained("cepo") / "train.jsonl")
    assert Run.model_validate_json((out / "run.json").read_text()).resumed_at == [4]


@pytest.fixture(scope="module")
def stopped_once(tiny_base, micro_data, tmp_path_factory) -> tuple[Cell, Path]:
    """A cell that stopped after step 2 with a checkpoint, and its folder, not to be changed."""
    cell, out = make_cell("opsd"), tmp_path_factory.mktemp("stopped")
    stop_after_two(cell, tiny_base, micro_data, out)
    return cell, out


@pytest.fixture
def stopped(stopped_once, tmp_path) -> tuple[Cell, Path]:
    """That cell, and a copy of its folder."""
    cell, out = stopped_once
    shutil.copytree(out, tmp_path, dirs_exist_ok=True)
    return cell, tmp_path


def test_a_log_that_lost_its_lines_stops_the_run(stopped, tiny_base, micro_data):
    cell, out = stopped
    (out / "state" / "progress.jsonl").unlink()
    with pytest.raises(TrainError, match=r"step 1 and 1 more, up to 2, are missing, but the checkpoint is of step 2"):
        run(cell, tiny_base, micro_data, out)


def stop_after_two(cell: Cell, base: Path, data: Path, out: Path) -> None:
    """Leave in ``out`` what a cell leaves that is stopped after its second step, with a checkpoint of that step."""
    state = out / "state"
    state.mkdir(parents=True)
    trainer = make_trainer(cell, base, data, state)
    lines = [trainer.step(0), trainer.step(1)]
    (state / "progress.jsonl").write_text("".join(line.model_dump_json() + "\n" for line in lines))
    checkpoint.save(state, 2, cell.digest, (), trainer.policy, trainer.optimizer, trainer.teachers)


def make_trainer(cell: Cell, base: Path, data: Path, state: Path) -> Trainer:
    problems = load_problems(data / "train.parquet")
    return Trainer(cell, load_method(cell.method, dict(cell.options)), base, problems, state, SETTINGS, Grader())


def test_checkpoint_of_another_cell_is_refused(stopped, tiny_base, micro_data):
    _, out = stopped
    with pytest.raises(TrainError, match=r"another cell.*delete .*state to train from the start"):
        run(make_cell("opsd", lr=1e-3), tiny_base, micro_data, out)
    assert (out / "state" / "step_00002" / "tensors.safetensors").exists()


@pytest.mark.parametrize("damage", ["tensors.safetensors", "meta.json"])
def test_half_written_checkpoint_is_named(stopped, tiny_base, micro_data, damage):
    cell, out = stopped
    path = out / "state" / "step_00002" / damage
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(TrainError, match=r"step_00002: damaged checkpoint .*delete this folder"):
        run(cell, tiny_base, micro_data, out)


def test_a_checkpoint_that_was_still_being_written_is_ignored(stopped, tiny_base, micro_data):
    cell, out = stopped
    unfinished = out / "state" / ".writing_00004"
    unfinished.mkdir()
    (unfinished / "meta.json").write_text("{")
    run(cell, tiny_base, micro_data, out)
    assert Run.model_validate_json((out / "run.json").read_text()).resumed_at == [2]


def test_nan_stops_the_cell_and_saves_the_batch(tiny_base, micro_data, tmp_path):
    trainer = make_trainer(make_cell("opsd"), tiny_base, micro_data, tmp_path)
    trainer.step(0)
    before = {name: p.detach().clone() for name, p in trainer.policy.trainable.items()}
    loss = type(trainer.method).loss
    type(trainer.method).loss = lambda self, *args: loss(self, *args) * math.nan
    try:
        with pytest.raises(TrainError, match=r"cell opsd/small/default/s1, step 2: loss is nan; batch saved to"):
            trainer.step(1)
    finally:
        type(trainer.method).loss = loss
    saved = load_file(tmp_path / "failed_step_2.safetensors")
    assert saved["tokens"].shape[0] == 16
    assert all(torch.equal(p, before[name]) for name, p in trainer.policy.trainable.items())


def test_missing_model_folder_is_one_line(micro_data, tmp_path):
    with pytest.raises(DataError, match=r"nowhere: no model here .*; build or fetch the base model first"):
        run(make_cell("grpo"), tmp_path / "nowhere", micro_data, tmp_path)


def test_truncated_weights_are_one_line(tiny_base, tmp_path):
    broken = shutil.copytree(tiny_base, tmp_path / "model")
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"model: not a loadable model: .*; build or fetch the base model again$"):
        load_base(broken, "float32")


@pytest.mark.parametrize(("content", "cause"), [(b"PAR1 not really", "not a readable parquet"), (None, "no such file")])
def test_broken_data_is_one_line(tiny_base, micro_data, tmp_path, content, cause):
    broken = tmp_path / "train.parquet"
    if content is not None:
        broken.write_bytes(content)
    with pytest.raises(DataError, match=cause):
        load_problems(broken)


@pytest.mark.parametrize(
    ("column", "values", "cause"),
    [
        ("problem", None, "no column problem; it has images, answer, id, family; make the data again"),
        ("answer", [5], "column answer cannot be int64; make the data again"),
        ("images", ["a.png"], "column images cannot be string; make the data again"),
    ],
)
def test_data_of_another_schema_is_one_line(micro_data, tmp_path, column, values, cause):
    table = pq.read_table(micro_data / "train.parquet").slice(0, 1)
    table = table.drop_columns([column])
    table = table if values is None else table.append_column(column, [values])
    pq.write_table(table, tmp_path / "train.parquet")
    with pytest.raises(DataError, match=rf"train.parquet: {cause}$"):
        load_problems(tmp_path / "train.parquet")


def test_an_epoch_visits_every_problem_once():
    rows = [row for step in range(4) for row in step_rows(seed=3, step=step, prompts=8, total=32)]
    assert sorted(rows) == list(range(32))
    following = [row for step in range(4, 8) for row in step_rows(seed=3, step=step, prompts=8, total=32)]
    assert sorted(following) == list(range(32))
    assert following != rows


@pytest.mark.parametrize("keep_groups", [False, True])
def test_minibatches_share_out_all_rollouts(keep_groups):
    method = load_method("grpo", {"keep_groups": keep_groups, "minibatch_prompts": 2, "group_size": 4})
    group = torch.arange(4).repeat_interleave(4)
    parts = list(minibatches(method, group, torch.ones_like(group), seed=1, step=0))
    assert sorted(torch.cat(parts).tolist()) == list(range(16))
    assert [len(p) for p in parts] == [8, 8]
    whole = all(len(p[group[p] == g]) in (0, 4) for p in parts for g in range(4))
    assert whole == keep_groups


def test_only_the_adapter_of_the_language_model_trains(tiny_base):
    policy = Policy(tiny_base, load_method("grpo", {}), "cpu", "float32", seed=0)
    assert len(policy.trainable) == 2 * 7 * policy.config.text_config.num_hidden_layers
    assert all("language_model" in name and "lora_" in name for name in policy.trainable)
