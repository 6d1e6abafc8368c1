"""Gradients of all methods on the same rollouts: equal to those of training, and what is kept of them."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from contracts.errors import ConfigError, DataError, TrainError
from contracts.gradients import GradientArm, GradientPlan, read_gradients
from methods.base import load_method
from methods.engines.local.adapter_folder import save_adapter
from methods.engines.local.experience import Gatherer, look_at
from methods.engines.local.gradients.batch import (
    CreditObjective,
    batch_gradients,
    differentiated,
    independent,
    policy_gradient,
)
from methods.engines.local.gradients.measure import GradientTask, measure_gradients
from methods.engines.local.gradients.meter import GradientMeter, GradientSettings, gram_matrix, load_adapter
from methods.engines.local.passes import chunks
from methods.engines.local.policy import Policy
from methods.engines.local.teacher_weights import AdapterTeachers
from methods.engines.local.update import credit_loss, matching_loss
from methods.engines.shared.experience import Experience
from methods.engines.shared.problems import Problem, load_problems
from methods.shared import seeding
from methods.shared.advantage import group_advantage
from methods.shared.rewards import Grader
from methods.shared.surrogate import token_weights
from tests.helpers.method_batches import random_rollouts
from tests.helpers.moved_adapter import move_adapter

pytestmark = pytest.mark.usefixtures("kept_graders")
OPTIONS = {"max_response": 16}
NAMES = ("grpo", "rlsd", "cepo", "cepo_lam1", "opsd", "sdpo", "oracle", "anti_oracle", "entropy")
ARMS = {"cepo_lam1": ("cepo", OPTIONS | {"lam": 1.0})}  # a combination of GRPO's and CEPO's credit
SETTINGS = GradientSettings(batches=3, prompts=4, group_size=4, dimension=2048)


def read_all(problem: str, tokens: list[str], truncated: bool) -> tuple[list[bool], list[bool]]:
    """Labels for a base that writes no chains: every other token decides, every third of the rest slips."""
    decisive = [i % 2 == 0 for i in range(len(tokens))]
    return decisive, [i % 3 == 0 and not d for i, d in enumerate(decisive)]


@pytest.fixture
def policy(tiny_base: Path) -> Policy:
    """With an adapter that does something."""
    made = Policy(tiny_base, load_method("grpo", OPTIONS), "cpu", "float32", 0)
    move_adapter(made, seed=0)
    return made


@pytest.fixture
def meter(policy: Policy, micro_data: Path):
    methods = {
        n: load_method("cepo", OPTIONS | {"lam": 1.0}) if n == "cepo_lam1" else load_method(n, OPTIONS) for n in NAMES
    }
    with Grader() as grader:
        problems = load_problems(micro_data / "train.parquet")
        yield GradientMeter(policy, methods, problems, grader, SETTINGS, 1, read_all)


def mixed(meter: GradientMeter, batch: int) -> tuple[list[Problem], Experience]:
    """Rollouts of which every other one counts as right: the untrained base never is."""
    problems, experience = meter.experience(batch)
    rollouts = experience.rollouts
    reward = (torch.arange(len(rollouts.reward)) % 2).float()
    advantage = group_advantage(reward, rollouts.group)
    return problems, replace(experience, rollouts=replace(rollouts, reward=reward, advantage=advantage))


@pytest.mark.parametrize("name", ["grpo", "rlsd", "cepo", "cepo_lam1", "oracle", "entropy", "opsd", "sdpo"])
def test_it_is_the_gradient_of_the_first_update(meter, name):
    problems, experience = mixed(meter, 0)
    found = meter.gradients(0, problems, experience)[list(meter.methods).index(name)]
    method, policy = meter.methods[name], meter.policy
    if method.teachers():  # asked as in training, each method for itself
        asked = (problems, look_at(policy, problems), experience.members, experience.responses, experience.rollouts)
        weights = AdapterTeachers(policy, {teacher.weights for teacher in method.teachers().values()})
        gatherer = Gatherer(policy, method, Grader(), weights, 8)
        rollouts, hidden = gatherer.ask_teachers(*asked, seeding.stream(1, "rollout", 0), 0)
        experience = replace(experience, rollouts=rollouts, teacher_hidden=hidden)
    batch = experience.rollouts
    if method.matches_distributions:
        loss = matching_loss(policy, method, batch, experience.teacher_hidden)
    else:
        loss = credit_loss(policy, method, batch, method.credit(batch, 0))  # with ratio and clips, as in training
    share, rows = token_weights(batch.mask, "token"), torch.arange(len(batch.mask))
    with differentiated(policy) as weights:
        for chunk in chunks(policy, experience.contexts, rows, experience.responses, 8):
            (loss(chunk)[0] * share[chunk.rows, : chunk.mask.shape[1]]).sum().backward()
    trained = torch.cat([weight.grad.flatten() for weight in weights])
    assert trained.abs().max() > 0
    torch.testing.assert_close(found, trained, rtol=1e-3, atol=1e-4 * float(trained.abs().max()))


def test_the_policy_gradient_compares_a_rollout_with_the_others_of_its_group():
    batch = replace(random_rollouts(0, groups=1, size=4), reward=torch.tensor([1.0, 0.0, 0.0, 1.0]))
    expected = torch.tensor([2 / 3, -2 / 3, -2 / 3, 2 / 3])[:, None] * batch.mask
    torch.testing.assert_close(policy_gradient(batch).weight, -expected / 4)
    with pytest.raises(ValueError, match="at least two rollouts"):
        policy_gradient(random_rollouts(0, groups=2, size=1))


def test_chunks_do_not_change_it(meter):
    _, experience = mixed(meter, 0)
    passes = (experience, 1.0, "float32")
    objectives = [policy_gradient(experience.rollouts)]
    ours, theirs = (
        batch_gradients(meter.policy, objectives, passes[0], size, *passes[1:]) for size in (3, 64)
    )  # fmt: skip
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-6)


def test_large_models_have_the_gradient_of_their_adapter(meter):
    _, experience = mixed(meter, 0)
    meter.policy.folding.small = False
    found = batch_gradients(meter.policy, [policy_gradient(experience.rollouts)], experience, 64, 1.0, "float32")
    assert found.shape == (1, sum(p.numel() for p in meter.policy.trainable.values()))
    assert found.abs().max() > 0


def test_nothing_moves_without_credit(meter):
    _, experience = meter.experience(0)
    still = CreditObjective(torch.zeros_like(experience.rollouts.mask))
    assert not batch_gradients(meter.policy, [still], experience, 64, 1.0, "float32").any()


def test_credit_that_is_a_combination_of_others_needs_no_pass_of_its_own():
    uniform, sharp = torch.tensor([1.0, 1, 1, 0]), torch.tensor([0.0, 2, 1, 0])
    rows = [uniform, torch.zeros(4), (uniform + sharp) / 2, sharp, torch.tensor([0.0, 0, 0, 1])]
    chosen, mixing = independent(rows)
    assert chosen == [0, 2, 4]
    torch.testing.assert_close(
        mixing @ torch.stack([rows[place] for place in chosen]).double(), torch.stack(rows).double()
    )


def plan(**changed: object) -> GradientPlan:
    arms = [GradientArm(name=n, method=n, options=OPTIONS) for n in ("grpo", "oracle")]
    given = {"world": "micro", "scale": "small", "model_name": "tiny", "state": "base", "seed": 1, "device": "cpu"}
    given |= {"dtype": "float32", "arms": arms, "batches": 3, "prompts": 2, "group_size": 2, "dimension": 1024}
    return GradientPlan(
        **given | {"micro_batch": 64, "sampled_at_once": 64, "grade_deadline": 5.0, "digests": {}} | changed
    )


@pytest.fixture
def task(tiny_base: Path, micro_data: Path) -> GradientTask:
    return GradientTask(plan().model_dump_json(), tiny_base, None, micro_data / "train.parquet", read_all)


def test_a_measurement_is_written_and_read(task, tmp_path):
    measure_gradients(task, tmp_path)
    report, gram = read_gradients(tmp_path)
    assert report.methods == ["grpo", "oracle", "pg"]
    assert (report.differentiated, report.batches, report.scale) == ("folded", 3, "small")
    assert gram.shape == (3, 3, 3, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gradients.json", "gradients.safetensors"]
    (tmp_path / "gradients.safetensors").write_bytes(b"")
    with pytest.raises(DataError, match="measure them again"):
        read_gradients(tmp_path)


def test_a_stopped_measurement_goes_on_and_several_processes_give_the_same_numbers(task, tmp_path, monkeypatch):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    measure_gradients(task, whole)
    measured, kept = [], GradientMeter.measure

    def stopping(meter: GradientMeter, batch: int):
        if len(measured) == 1:
            raise KeyboardInterrupt
        measured.append(batch)
        return kept(meter, batch)

    with monkeypatch.context() as patched:
        patched.setattr(GradientMeter, "measure", stopping)
        with pytest.raises(KeyboardInterrupt):
            measure_gradients(task, parts)
    assert [path.name for path in (parts / "state").iterdir()] == ["batch_00001.safetensors"]
    before = (parts / "state" / "batch_00001.safetensors").stat().st_mtime_ns
    monkeypatch.setattr("methods.engines.local.gradients.measure.remove_folder", lambda folder: None)
    measure_gradients(task, parts, processes=2)
    assert (parts / "state" / "batch_00001.safetensors").stat().st_mtime_ns == before
    assert np.array_equal(read_gradients(parts)[1], read_gradients(whole)[1])
    other = replace(task, planned=plan(seed=2).model_dump_json())
    measure_gradients(other, parts)  # what another measurement left is not taken
    assert (parts / "state" / "batch_00001.safetensors").stat().st_mtime_ns != before


def test_a_killed_process_of_a_measurement_is_one_line(task, tmp_path, monkeypatch):
    monkeypatch.setattr(GradientMeter, "measure", lambda meter, batch: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(TrainError, match="was killed, perhaps for want of memory; the same command goes on"):
        measure_gradients(task, tmp_path / "gradients", processes=2)


def test_gradients_that_are_no_numbers_are_refused(task, tmp_path, monkeypatch):
    measure = GradientMeter.measure

    def spoilt(meter: GradientMeter, batch: int):
        found = measure(meter, batch)
        found.products[0, 0] = float("inf")
        return found

    monkeypatch.setattr(GradientMeter, "measure", spoilt)
    with pytest.raises(TrainError, match="batch 0: products of the gradients holds NaN or an infinity"):
        measure_gradients(task, tmp_path)
    assert not list(tmp_path.glob("**/*.safetensors"))


def test_products_across_batches_are_those_of_the_sketches():
    sketches = torch.arange(12.0, dtype=torch.float64).reshape(2, 2, 3)
    exact = torch.tensor([[[1.0, 2.0], [2.0, 5.0]], [[7.0, 8.0], [8.0, 9.0]]], dtype=torch.float64)
    gram = gram_matrix(sketches, exact)
    assert torch.equal(gram[0, :, 0], exact[0])
    assert torch.equal(gram[1, :, 1], exact[1])
    assert gram[0, 1, 1, 0] == sketches[0, 1] @ sketches[1, 0]


def test_labels_are_asked_for(policy, micro_data):
    methods = {"oracle": load_method("oracle", OPTIONS)}
    with Grader() as grader, pytest.raises(ConfigError, match="oracle need labels of tokens"):
        GradientMeter(policy, methods, load_problems(micro_data / "train.parquet"), grader, SETTINGS, 1)


def test_a_trained_adapter_comes_back(policy, tiny_base, tmp_path):
    save_adapter(policy, tmp_path / "adapter")
    fresh = Policy(tiny_base, load_method("grpo", OPTIONS), "cpu", "float32", 5)
    load_adapter(fresh, tmp_path / "adapter")
    for name, parameter in policy.trainable.items():
        assert torch.equal(fresh.trainable[name], parameter)
    with pytest.raises(DataError, match="train the cell again"):
        load_adapter(
            Policy(tiny_base, load_method("grpo", {"lora_rank": 4}), "cpu", "float32", 0), tmp_path / "adapter"
        )
