"""What the EasyR1 engine refuses before it starts; none of this needs EasyR1."""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import ConfigError, TrainError
from contracts.records import Cell
from methods.base import load_method
from methods.engines.easyr1 import checkpoint, train
from methods.engines.easyr1.checks import check_checkout, check_job, check_versions
from methods.engines.easyr1.job import TrainingJob
from methods.engines.easyr1.settings import EasyR1EngineSettings, EasyR1Settings

TESTED = {"transformers": "4.57.6", "peft": "0.18.1", "vllm": "0.11.0", "flash-attn": "2.8.3", "omegaconf": "2.3.1"}


def make_job(tmp_path: Path, easyr1: dict[str, Any], **options: object) -> TrainingJob:
    cell = Cell(
        world="micro", engine="easyr1", method="cepo", scale="small", seed=1, model_name="Micro",
        options=asdict(load_method("cepo", options)), digests={},
    )  # fmt: skip
    folders = dict.fromkeys(("data", "validation", "base", "out"), tmp_path)
    return TrainingJob(cell=cell, settings=EasyR1EngineSettings(easyr1=EasyR1Settings(**easyr1)), **folders)


def test_the_paper_s_settings_pass(tmp_path: Path):
    check_job(make_job(tmp_path, {}))
    check_job(make_job(tmp_path, {}, max_model_len=2048, cut_adds_end=True))  # as the first public scripts ran
    check_job(make_job(tmp_path, {}, lora_rank=0))


@pytest.mark.parametrize(
    ("easyr1", "options", "message"),
    [
        (
            {},
            {"max_model_len": 2048},
            r"option max_model_len: 2048 is below max_prompt 768 \+ max_response 2048 = 2816",
        ),
        ({}, {"student_image": False}, "option student_image: vLLM counts the positions"),
        ({"max_batched_tokens": 2000}, {}, r"easyr1.max_batched_tokens: 2000 is below"),
        ({}, {"lora_rank": 12}, "option lora_rank: vLLM has no kernels for rank 12; use one of 8, 16"),
        ({}, {"minibatch_prompts": 12}, "option minibatch_prompts: EasyR1 cannot cut 32 prompts into parts of 12"),
        ({"gpus_per_node": 3}, {}, "option prompts: 32 prompts cannot be shared evenly by 3 workers"),
        (
            {"gpus_per_node": 16},
            {"minibatch_prompts": 1},
            "option minibatch_prompts: 8 rollouts of a mini-batch cannot be shared evenly by 16 workers",
        ),
        ({"tensor_parallel": 3}, {}, "easyr1.tensor_parallel: 8 workers cannot be grouped by 3"),
        ({"nodes": 2}, {}, "easyr1.ray_address: 2 nodes need a running Ray cluster"),
    ],
)
def test_what_easyr1_cannot_do_is_one_line(tmp_path: Path, easyr1: dict[str, Any], options: dict, message: str):
    with pytest.raises(ConfigError, match=f"^{message}"):
        check_job(make_job(tmp_path, easyr1, **options))


def test_tested_versions_pass():
    check_versions(TESTED)


@pytest.mark.parametrize(
    ("package", "version", "message"),
    [
        ("peft", "0.21.2", "peft 0.21.2 is outside the tested range >=0.18,<=0.20.0: later ones give EasyR1 no LoRA"),
        ("transformers", "5.23.0", "transformers 5.23.0 is outside the tested range >=4.57,<5"),
        ("vllm", None, r"vllm \(not installed\) is outside the tested range"),
        ("flash-attn", None, r"flash-attn \(not installed\) is outside the tested range >=2.4.3,<3: EasyR1 loads its"),
        ("omegaconf", "2.4.0", "omegaconf 2.4.0 is outside the tested range <2.4"),
    ],
)
def test_other_versions_are_refused(package: str, version: str | None, message: str):
    with pytest.raises(ConfigError, match=f"^environment: {message}"):
        check_versions(TESTED | {package: version})


def test_a_checkout_must_be_the_one_the_engine_was_made_for(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"^easyr1.checkout: no EasyR1 in"):
        check_checkout(tmp_path)
    main = tmp_path / "verl" / "trainer" / "main.py"
    main.parent.mkdir(parents=True)
    main.write_text("print('another version')")
    with pytest.raises(ConfigError, match="is not EasyR1 as of commit b44b311"):
        check_checkout(tmp_path)


def test_notes_of_checkpoints(tmp_path: Path):
    assert checkpoint.newest(tmp_path) is None
    folder = tmp_path / "global_step_5"
    checkpoint.write_note(folder, "mine", (2,))
    (tmp_path / checkpoint.TRACKER).write_text(json.dumps({"last_global_step": 5}))
    assert checkpoint.newest(tmp_path) == folder
    assert checkpoint.read_note(folder, "mine") == (2,)
    with pytest.raises(TrainError, match="checkpoint of another cell"):
        checkpoint.read_note(folder, "yours")
    (folder / checkpoint.NOTE).write_text("{")
    with pytest.raises(TrainError, match="damaged checkpoint"):
        checkpoint.read_note(folder, "mine")
    (tmp_path / checkpoint.TRACKER).write_text("{")
    with pytest.raises(TrainError, match=r"damaged .*to train from the start"):
        checkpoint.newest(tmp_path)


def test_errors_cross_processes_whole():
    error = pickle.loads(pickle.dumps(TrainError("place", "cause", "way out", delete_and_rerun=True)))  # noqa: S301
    assert (error.place, error.cause, error.remedy, error.delete_and_rerun, str(error)) == (
        "place",
        "cause",
        "way out",
        True,
        "place: cause; way out",
    )


def test_a_python_that_is_not_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(train, "check_checkout", lambda folder: None)
    job = make_job(tmp_path, {"python": str(tmp_path / "none")})
    with pytest.raises(ConfigError, match=r"^easyr1.python: .*none cannot be run \(No such file"):
        train.train(job.cell, job.data, job.validation, job.base, job.out, job.settings)


def test_a_failure_of_the_process_comes_back_as_the_error_it_was(tmp_path: Path):
    cell = make_job(tmp_path, {}).cell
    path = tmp_path / "failure.json"
    assert "ended with status 9" in str(train._read_failure(path, cell, 9))
    path.write_text(json.dumps(["ConfigError", "here", "this", "do that"]))
    error = train._read_failure(path, cell, 1)
    assert type(error) is ConfigError and str(error) == "here: this; do that"
