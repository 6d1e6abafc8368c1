"""Values of prefixes, privileged rollouts and trees of rollouts, sampled by vLLM."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from contracts.records import Cell
from methods.base import load_method
from methods.engines.local.clock import Clock
from methods.engines.local.experience import Gatherer
from methods.engines.local.policy import Policy
from methods.engines.local.sample import rollout_sampling
from methods.engines.local.teacher_weights import AdapterTeachers
from methods.engines.local.vllm.rollout import VllmRollouts
from methods.engines.local.vllm.settings import LocalSettings, RolloutEngine
from methods.engines.local.vllm.train import train
from methods.engines.shared.prefix_values import asked_prefixes, completions
from methods.engines.shared.problems import load_problems
from methods.engines.shared.prompts import continued
from methods.engines.shared.rollout_gap import rollout_gap
from methods.shared.rewards import Grader

WITHIN = 1e-4  # nats, the most that any token's log-prob may differ in float32
OPTIONS = {"prompts": 3, "group_size": 4, "minibatch_prompts": 2, "max_prompt": 256, "max_response": 24, "lr": 1e-3,
           "reward": "accuracy_format", "steps": 1}  # fmt: skip
SERVED = {
    "vineppo": {"continuations": 2},
    "spo": {"branching": "2-2", "segment_length": 6},
    "hdpo": {"privileged_copies": 2},
}


@pytest.fixture(scope="module")
def policy(tiny_base: Path) -> Policy:
    return Policy(tiny_base, load_method("vineppo", OPTIONS), "cpu", "float32", seed=0)


@pytest.fixture(scope="module")
def rollouts(tiny_base: Path, python: str):
    settings = RolloutEngine(python=python, enforce_eager=True)
    longest = int(OPTIONS["max_prompt"]) + int(OPTIONS["max_response"])
    with VllmRollouts(tiny_base, settings, "float32", "cpu", 16, longest) as made:
        yield made


def gathered(method: str, policy: Policy, rollouts: VllmRollouts, data: Path, **changed: object):
    """The experience of three problems, sampled by vLLM."""
    chosen = load_method(method, OPTIONS | SERVED[method] | changed)
    problems = load_problems(data / "train.parquet")[:3]
    with Grader() as grader:
        gatherer = Gatherer(policy, chosen, grader, AdapterTeachers(policy, set()), 256, rollouts)
        return gatherer, problems, gatherer.gather(problems, 0, 1, Clock())


def test_values_are_mean_rewards_of_what_vllm_goes_on_with(policy, rollouts, micro_data):
    _, _, experience = gathered("vineppo", policy, rollouts, micro_data)
    values = experience.rollouts.values
    assert 0 < rollout_gap(experience.responses.gap).max < WITHIN
    possible = torch.tensor([0.0, 0.05, 0.1, 0.5, 0.55, 1.0])  # means of two rewards out of 0, 0.1 and 1
    for value in [*values["prefix"][values["known"]].tolist(), *values["start"].tolist()]:
        assert (possible - value).abs().min() < 1e-6
    assert experience.extra_tokens
    _, _, again = gathered("vineppo", policy, rollouts, micro_data)
    assert torch.equal(again.rollouts.values["prefix"], values["prefix"])


def test_near_temperature_0_vllm_goes_on_with_the_rest_of_the_response(policy, rollouts, micro_data):
    gatherer, problems, experience = gathered("vineppo", policy, rollouts, micro_data, temperature=1e-3)
    known = torch.zeros_like(experience.responses.mask, dtype=torch.bool)
    known[0, 3] = True
    asked = asked_prefixes(known, experience.responses, len(problems))
    prompts = [continued(experience.contexts[4 * place], prefix) for place, prefix in asked.distinct]
    sampling = replace(rollout_sampling(gatherer.method), copies=1)
    again = rollouts(policy, prompts, sampling, 5, 256)
    assert completions(asked, again, sampling.max_tokens, 1)[-1] == experience.responses.ids(0)


def test_leaves_of_a_tree_share_their_beginnings(policy, rollouts, micro_data):
    _, _, experience = gathered("spo", policy, rollouts, micro_data)
    ids = experience.responses.every_id()
    assert len(ids) == 12
    assert all(left[:6] == right[:6] for left, right in zip(ids[::2], ids[1::2], strict=True))
    assert any(left != right for left, right in zip(ids[::2], ids[1::2], strict=True))
    assert 0 < rollout_gap(experience.responses.gap).max < WITHIN
    assert experience.extra_tokens is not None
    assert experience.extra_tokens < 0


@pytest.mark.usefixtures("every_teacher_right")
@pytest.mark.parametrize("method", SERVED)
def test_a_cell_trains_on_what_vllm_sampled(method, tiny_base, micro_data, python, tmp_path):
    named = {"method": method, "scale": "small", "variant": "default", "seed": 1, "model_name": "Small"}
    cell = Cell(world="micro", engine="local", device="cpu", **named, options=OPTIONS | SERVED[method], digests={})
    vllm = RolloutEngine(python=python, enforce_eager=True)
    settings = LocalSettings(rollouts="vllm", vllm=vllm, validation_problems=2)
    train(cell, micro_data / "train.parquet", micro_data / "validation.parquet", tiny_base, tmp_path, settings)
    line = json.loads((tmp_path / "train.jsonl").read_text())
    assert line["extra_tokens"]
    assert 0 < line["rollout_gap"]["max"] < WITHIN
    assert line.get("privileged") == (6 if method == "hdpo" else None)
