"""Privileged rollouts: who samples them, which are kept, what the student learns from them, and what they cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from contracts.errors import ConfigError
from contracts.records import TrainingStep
from methods.base import load_method
from methods.engines.local.clock import Clock
from methods.engines.local.experience import Gatherer, look_at
from methods.engines.local.gradients.batch import batch_gradients, distillation_of
from methods.engines.local.gradients.meter import GradientMeter, GradientSettings
from methods.engines.local.policy import Policy
from methods.engines.local.score import teacher_hidden
from methods.engines.local.services import privileged
from methods.engines.local.teacher_weights import AdapterTeachers
from methods.engines.local.verify import read_members
from methods.engines.shared.experience import teacher_context
from methods.engines.shared.problems import Problem, load_problems
from methods.shared.limits import check_engine_gives
from methods.shared.references import Reference
from methods.shared.rewards import Grader
from tests.helpers.scored_credit import check_scored
from tests.methods.engines.local.test_local_train import OPTIONS, make_cell, run, same_bits, stop_after_two

HDPO = {"reward": "binary", "distil_weight": 1.0, "privileged_copies": 3}


@pytest.fixture
def every_other_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """The untrained base is never right: of its privileged rollouts every other one counts as right."""

    def read(*asked):
        members, timeouts = read_members(*asked)
        return [replace(one, correct=i % 2 == 0, reward=1.0 - i % 2) for i, one in enumerate(members)], timeouts

    monkeypatch.setattr(privileged, "read_members", read)


@pytest.fixture(scope="module")
def problems(micro_data: Path) -> list[Problem]:
    return load_problems(micro_data / "train.parquet")[:3]


def gatherer(base: Path, **options: object) -> Gatherer:
    method = load_method("hdpo", OPTIONS | HDPO | options)
    policy = Policy(base, method, "cpu", "float32", seed=1)
    for parameter in policy.trainable.values():  # an adapter that does something
        parameter.data.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    return Gatherer(policy, method, Grader(), AdapterTeachers(policy, {t.weights for t in method.asked_teachers()}), 8)


@pytest.mark.usefixtures("every_other_right")
@pytest.mark.parametrize("weights", ["actor", "fixed"])
def test_right_ones_are_kept_in_the_students_context_with_the_teachers_states(weights, tiny_base, problems):
    made = gatherer(tiny_base, teacher_weights=weights)
    experience = made.gather(problems, 0, 1, Clock())
    kept = experience.privileged
    assert kept is not None
    assert kept.responses.owner.tolist() == [0, 0, 1, 2, 2]  # of three copies each, sampled in order
    assert all(kept.contexts[row] is experience.contexts[4 * owner] for row, owner in enumerate([0, 0, 1, 2, 2]))
    assert experience.teacher_tokens == int(kept.responses.mask.sum())
    assert experience.extra_tokens is not None
    assert experience.extra_tokens > experience.teacher_tokens
    teacher, tokenizer = made.method.asked_teachers()[0], made.policy.processor.tokenizer
    shown = [
        teacher_context(tokenizer, made.method, teacher, p.text, v, Reference(text=p.answer))
        for p, v in zip(problems, look_at(made.policy, problems), strict=True)
    ]
    contexts = [shown[owner] for owner in kept.responses.owner.tolist()]
    everything = torch.ones(5, dtype=torch.bool)
    hidden = teacher_hidden(made.policy, made.teachers, teacher, contexts, everything, kept.responses, made.method, 8)
    torch.testing.assert_close(kept.teacher_hidden, hidden)
    with torch.no_grad():  # the tokens were sampled by that teacher
        logp = made.policy.head(hidden).log_softmax(-1).gather(-1, kept.responses.tokens[..., None])[..., 0]
    torch.testing.assert_close(kept.rollouts.logp["teacher"], logp * kept.responses.mask, rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("every_other_right")
def test_they_follow_from_seed_and_step(tiny_base, problems):
    made = gatherer(tiny_base)
    first, again, later = (made.gather(problems, step, 1, Clock()).privileged for step in (0, 0, 1))
    assert first is not None
    assert again is not None
    assert later is not None
    assert torch.equal(first.responses.tokens, again.responses.tokens)
    assert first.responses.every_id() != later.responses.every_id()


def test_a_problem_that_a_rollout_solves_gets_none(tiny_base, problems):
    made = gatherer(tiny_base)
    drawn = made.sample(problems, 0, 1, Clock())
    members = [replace(one, correct=i % 4 == 0, reward=1.0) for i, one in enumerate(drawn.members)]
    experience = made.score(replace(drawn, members=members), 0, 1, Clock())
    assert experience.privileged is None
    assert experience.extra_tokens == 0


@pytest.mark.usefixtures("every_other_right")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_cell_trains_on_them_and_says_what_they_cost(dtype, tiny_base, micro_data, tmp_path):
    found = run(make_cell("hdpo", **HDPO, steps=2, score_dtype=dtype), tiny_base, micro_data, tmp_path)
    assert any(v.abs().max() > 0 for k, v in found.items() if "lora_B" in k)  # GRPO alone has no gradient here
    steps = [TrainingStep.model_validate_json(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert all(step.privileged == 6 and step.extra_tokens and step.teacher_tokens and step.loss > 0 for step in steps)
    check_scored(tmp_path, steps=2, credited=False)


@pytest.mark.usefixtures("every_other_right")
def test_resumed_it_ends_with_the_same_bits(tiny_base, micro_data, tmp_path):
    cell = make_cell("hdpo", **HDPO, steps=3, teacher_weights="ema")
    unbroken = run(cell, tiny_base, micro_data, tmp_path / "unbroken")
    stop_after_two(cell, tiny_base, micro_data, tmp_path / "stopped")
    assert same_bits(run(cell, tiny_base, micro_data, tmp_path / "stopped"), unbroken)


@pytest.mark.usefixtures("every_other_right")
def test_its_gradient_is_that_of_grpo_and_of_the_distillation(tiny_base, micro_data):
    options = {"max_response": 16} | HDPO
    names = {"grpo": {"max_response": 16}, "hdpo": options}
    methods = {name: load_method(name, own) for name, own in names.items()}
    policy = Policy(tiny_base, methods["grpo"], "cpu", "float32", 0)
    settings = GradientSettings(batches=2, prompts=2, group_size=2, dimension=1024)
    with Grader() as grader:
        meter = GradientMeter(policy, methods, load_problems(micro_data / "train.parquet"), grader, settings, 1)
        asked, experience = meter.experience(0)
        grpo, hdpo, _ = meter.gradients(0, asked, experience)
        own = meter._privileged(meter.methods["hdpo"], 0, asked, experience)
    assert own is not None
    objective = distillation_of(policy, meter.methods["hdpo"], own)
    (alone,) = batch_gradients(policy, [objective], own, 8, 1.0, "float32")
    assert alone.abs().max() > 0
    torch.testing.assert_close(hdpo, grpo + alone)


def test_easyr1_refuses_it_in_one_line():
    with pytest.raises(ConfigError, match=r"^engine: hdpo needs privileged rollouts, which easyr1 does not sample"):
        check_engine_gives("easyr1", "tutored", "hdpo")
