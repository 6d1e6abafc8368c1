"""The presets ``released`` on groups written by hand: what teachers are shown, and what that weighs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from methods.base import Method, load_method
from methods.grpo import Grpo
from methods.micro.tokenizer import train_tokenizer
from methods.shared.contexts import MATH_SHORT, student_prompt, teacher_prompt
from tests.helpers.method_batches import ALL_RIGHT, member, random_rollouts
from workflows.lib.config.method_options import read_methods

PROBLEM = "<image>Find x."
UNBOXED = [member("4", False, 0.1), member(None, False, 0.0), member("5", True, 1.0)]


def released(name: str) -> Method:
    return load_method(name, read_methods()[name].presets["released"])


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["Find x in the triangle.", "The final answer is 42."], [MATH_SHORT], 400)


def written(tokenizer, method: Method, teacher: str, group) -> list[str]:
    """What the teacher reads after the student's prompt, for each member of the group."""
    asked = method.teachers()[teacher]
    student = student_prompt(tokenizer, PROBLEM, method.prompt_template, [2])
    shown = []
    for reference in asked.choose(group, "5", np.random.default_rng(0), ["7"]):
        ids = teacher_prompt(tokenizer, PROBLEM, method.prompt_template, [2], reference, asked.style)
        assert ids[: len(student)] == student
        shown.append(tokenizer.decode(ids[len(student) :]))
    return shown


def test_one_unboxed_rollout_makes_none_the_wrong_answer_of_its_group(tokenizer):
    assert written(tokenizer, released("cepo"), "wrong", UNBOXED) == [" None"] * 3
    assert written(tokenizer, released("cepo"), "right", UNBOXED) == [" 5"] * 3
    assert (
        written(tokenizer, load_method("cepo", {}), "wrong", UNBOXED) == [" 4"] * 3
    )  # the paper's: not boxed, not asked


def test_rlsds_teacher_reads_a_lone_space_token(tokenizer):
    asked = released("rlsd").teachers()["right"]
    (reference, *_) = asked.choose(ALL_RIGHT, "5", np.random.default_rng(0), ["7"])
    ids = teacher_prompt(tokenizer, PROBLEM, "math_short", [2], reference, asked.style)
    student = student_prompt(tokenizer, PROBLEM, "math_short", [2])
    assert (ids[:-1], tokenizer.decode(ids[-1:])) == (student, " ")
    assert written(tokenizer, load_method("rlsd", {}), "right", ALL_RIGHT) == [" 5"] * 4


def test_a_group_without_a_wrong_rollout_has_weight_one():
    batch = random_rollouts(0)
    assert released("cepo").teachers()["wrong"].choose(ALL_RIGHT, "5", np.random.default_rng(0), ["7"]) == [None] * 4
    none_wrong = {name: torch.full_like(has, name != "wrong") for name, has in batch.has.items()}
    batch = replace(batch, has=none_wrong)
    assert (batch.advantage != 0).any()
    assert torch.equal(released("cepo").credit(batch, 0), Grpo().credit(batch, 0))
    assert not torch.equal(load_method("cepo", {}).credit(batch, 0), Grpo().credit(batch, 0))


def test_the_released_clock_and_clip():
    assert [released("rlsd").lam_at(step) for step in (0, 24)] == pytest.approx([0.48, 0.0])
    assert [released("cepo").lam_at(step) for step in (0, 24, 25)] == pytest.approx([0.5, 0.02, 0.0])
    assert released("cepo").eps_w == released("rlsd").eps_w == 0.2


@pytest.mark.parametrize("name", ["grpo", "rlsd", "cepo"])
def test_what_the_released_code_runs_under_every_method(name: str):
    method = released(name)
    assert (method.lr_schedule, method.warmup_steps, method.lora_alpha) == ("constant", 0, 64)
    assert (method.reward, method.score_dtype) == ("accuracy_format", "bfloat16")
    assert (method.minibatch_order, method.eval_weights) == ("length_balanced", "merged_bf16")
