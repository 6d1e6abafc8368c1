"""One worker without Ray: what reached it, what vLLM is asked for, what is refused before a run starts."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from methods.engines.easyr1.job import TrainingJob
from methods.shared.schedule import lr_factor
from tests.easyr1.cells import Bench, make_cell

HERE = Path(__file__).parent
LIMIT = 60  # tokens of prompt and response; the prompts have about 36
OPTIONS = {
    "lr": 1e-3, "lr_schedule": "constant", "warmup_steps": 3, "weight_decay": 0.03, "lora_alpha": 24, "steps": 10,
    "prompts": 2, "minibatch_prompts": 1, "max_response": 32, "max_model_len": LIMIT, "cut_adds_end": True,
    "temperature": 1.2, "optimizer": "adamw_bf16", "rollout_top_p": 0.9, "rollout_top_k": 50,
    "validation_temperature": 0.6,
}  # fmt: skip


@pytest.fixture(scope="session")
def found(bench: Bench, older_base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("worker")
    job = TrainingJob(
        cell=make_cell("grpo", **OPTIONS), data=bench.data, validation=bench.data, base=older_base, out=out,
        settings=bench.settings(),
    )  # fmt: skip
    (out / "request.json").write_text(json.dumps({"job": job.model_dump(mode="json"), "out": str(out)}))
    paths = os.pathsep.join([bench.shim, str(HERE.parents[1]), str(bench.checkout)])
    env = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    command = [bench.python, HERE / "one_worker.py", out / "request.json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-5000:]
    return json.loads((out / "found.json").read_text())


def test_the_optimizer_is_the_method_s(found: dict[str, Any]):
    assert found["weight_decay"] == 0.03 and found["scaling"] == [24 / 8]
    assert found["rates"] == pytest.approx([1e-3 * lr_factor(step, 10, "constant", 3) for step in range(10)])
    assert found["kind"] == ["AnyPrecisionAdamW", "torch.bfloat16", "torch.bfloat16"]
    assert found["asked"] == {"adamw": ["adamw", "fp32"], "adamw_bf16": ["adamw_bf16", "bf16"]}
    assert found["rates"][0] < found["rates"][3] == found["rates"][9]


def test_image_and_special_tokens_cannot_be_sampled(found: dict[str, Any]):
    assert found["image_token"] in found["barred"]
    assert set(found["special"]) - set(found["ends"]) <= set(found["barred"])
    assert found["barred_sampled"] == 0 < found["barred_sampled_if_wanted"]


def test_rollouts_and_validation_are_sampled_as_the_options_say(found: dict[str, Any]):
    assert found["rollout_sampling"] == [1.2, 0.9, 50]
    assert found["validation_sampling"] == [0.6, 1.0, -1]


def test_rollouts_follow_their_seeds(found: dict[str, Any]):
    assert found["seeds"] == [1000, 1004]  # two prompts, four samples each
    assert found["same_seed_same_tokens"] and not found["other_seed_same_tokens"]


def test_a_cut_response_gets_an_end_and_counts_as_truncated(found: dict[str, Any]):
    """EasyR1 pads with a token that ends a response, so one that max_model_len cuts is one longer than the limit."""
    assert found["longest"] == LIMIT + 1
    assert 1.0 in found["truncated"]
    assert set(found["last_tokens"]) <= set(found["ends"])


def test_vllm_s_log_probs_are_the_policy_s(found: dict[str, Any]):
    """At temperature 1, whatever temperature, top-p and top-k of the rollouts are. A token added at a cut has none."""
    print(found["gap"])
    assert 0 < found["gap"]["mean"] <= found["gap"]["max"] < 5e-3 and 0 <= found["gap"]["kl"] < 1e-5
    assert found["temperatures_differ"] and not found["told_in_validation"]
    added = [answered - sampled for answered, sampled in zip(found["answered"], found["sampled"], strict=True)]
    assert set(added) <= {0, 1} and 1 in added


def test_weights_that_vllm_lacks_are_noticed(found: dict[str, Any]):
    assert found["weights_missing"].startswith("vllm: its log-probs differ from the policy's by ")


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("template", "option prompt_template: 'math_short' left no instruction in the prompt"),
        ("no tensors", "adapter: 0 of 14 LoRA tensors reach vLLM: it would roll out another model; install the tested"),
        ("not in vLLM", "vLLM: it holds no adapter after the weights were handed over; install the tested versions"),
    ],
)
def test_what_would_go_wrong_silently_is_one_line(case: str, message: str, found: dict[str, Any]):
    assert found["refused"][case] is not None and found["refused"][case].startswith(message)
