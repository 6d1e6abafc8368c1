"""The local engine with rollouts by vLLM: same log-probs as its own, from the adapter of the moment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from contracts.errors import ConfigError, TrainError
from contracts.records import Cell
from methods.base import Method
from methods.engines.local.experience import look_at, student_context
from methods.engines.local.policy import Policy
from methods.engines.local.sample import Sampling, roll_out
from methods.engines.local.teacher_weights import frozen
from methods.engines.local.vllm.rollout import VllmRollouts
from methods.engines.local.vllm.settings import LocalSettings, RolloutEngine
from methods.engines.shared.problems import load_problems
from methods.engines.shared.prompts import Prompt
from methods.engines.shared.rollout_gap import rollout_gap
from tests.helpers.moved_adapter import move_adapter

METHOD = Method(max_response=24)
SAMPLING = Sampling(1.0, 24, 8)
WITHIN = 1e-4  # nats, the most that any token's log-prob may differ in float32


@pytest.fixture(scope="module")
def policy(tiny_base: Path) -> Policy:
    return Policy(tiny_base, METHOD, "cpu", "float32", seed=0)


@pytest.fixture(scope="module")
def prompts(policy: Policy, micro_data: Path) -> list[Prompt]:
    problems = load_problems(micro_data / "train.parquet")[:6]
    return [student_context(policy, METHOD, p, v) for p, v in zip(problems, look_at(policy, problems), strict=True)]


@pytest.fixture(scope="module")
def rollouts(tiny_base: Path, python: str) -> Iterator[VllmRollouts]:
    settings = RolloutEngine(python=python, enforce_eager=True)
    with VllmRollouts(tiny_base, settings, "float32", "cpu", METHOD.lora_rank, METHOD.max_prompt) as made:
        yield made


def test_logprobs_are_the_policys_before_and_after_its_adapter_moved(policy, prompts, rollouts):
    for _ in range(3):
        with frozen(policy):
            responses = rollouts(policy, prompts, SAMPLING, 3, 256)
        assert 0 < rollout_gap(responses.gap).max < WITHIN
        assert responses.tokens.shape[0] == 48 and responses.owner.tolist() == [i for i in range(6) for _ in range(8)]
        sampled = responses.tokens[responses.mask.bool()]
        assert not torch.isin(sampled, policy.barred).any()
        move_adapter(policy, 0.05)


def test_a_step_without_its_adapter_is_noticed(policy, prompts, rollouts, monkeypatch):
    move_adapter(policy, 0.1)
    monkeypatch.setattr("methods.engines.local.vllm.rollout.save_adapter", lambda *_: None)
    monkeypatch.setattr(rollouts, "handed", rollouts.handed - 1)  # vLLM keeps the adapter of the step before
    with pytest.raises(TrainError, match="log-probs differ from the policy's by"), frozen(policy):
        rollouts(policy, prompts, SAMPLING, 3, 256)


def test_rollouts_are_random_by_seed_and_distributed_as_the_engines_own(policy, prompts, rollouts):
    with frozen(policy):
        first, again, other = (rollouts(policy, prompts, SAMPLING, seed, 256) for seed in (3, 3, 4))
        own = [roll_out(policy, prompts, SAMPLING, seed, 256) for seed in range(8)]
    assert torch.equal(first.tokens, again.tokens)
    assert not torch.equal(first.tokens, other.tokens)
    rows = {tuple(row) for row in first.tokens.tolist()}
    assert len(rows) > 40  # the eight responses to a prompt are not one
    # The mean log-prob of first tokens, over 96 rollouts against 384: minus the entropy of the same distribution.
    theirs = torch.cat([first.logp[:, 0], other.logp[:, 0]])
    ours = torch.cat([part.logp[:, 0] for part in own])
    error = (theirs.var() / len(theirs) + ours.var() / len(ours)).sqrt()
    assert abs(theirs.mean() - ours.mean()) < 4 * error


def test_training_with_vllm_leaves_what_training_leaves(tiny_base: Path, micro_data: Path, python: str, tmp_path: Path):
    from methods.engines.local.vllm.train import train

    options = {"steps": 2, "prompts": 4, "group_size": 4, "minibatch_prompts": 2, "max_prompt": 256, "max_response": 24}
    settings = LocalSettings(
        rollouts="vllm", vllm=RolloutEngine(python=python, enforce_eager=True), validation_problems=4
    )
    cell = a_cell(options | {"lr": 1e-3})
    train(cell, micro_data / "train.parquet", micro_data / "validation.parquet", tiny_base, tmp_path, settings)
    lines = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    assert all(0 < line["rollout_gap"]["mean"] <= line["rollout_gap"]["max"] < WITHIN for line in lines)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").exists() and (tmp_path / "run.json").exists()


def test_what_cannot_roll_out_with_vllm_is_refused(tiny_base: Path, micro_data: Path, tmp_path: Path):
    from methods.engines.local.vllm.train import train

    files = (micro_data / "train.parquet", micro_data / "validation.parquet", tiny_base, tmp_path)
    without = LocalSettings(rollouts="vllm", vllm=RolloutEngine(python="/bin/false"))
    with pytest.raises(ConfigError, match=r"vllm.python: /bin/false ended with status 1"):
        train(a_cell({}), *files, without)
    with pytest.raises(ConfigError, match="student_image"):
        train(a_cell({"student_image": False}), *files, without)


def a_cell(options: dict) -> Cell:
    named = {"method": "grpo", "scale": "small", "variant": "default", "seed": 1, "model_name": "Small"}
    return Cell(world="micro", engine="local", device="cpu", **named, options=options, digests={})
