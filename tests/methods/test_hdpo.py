"""HDPO: GRPO on its own rollouts, and its distillation loss by hand and against a formula of its own."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from methods.grpo import Grpo
from methods.hdpo import Hdpo
from methods.shared.divergence import only_top
from tests.helpers.method_batches import TOKENS, random_rollouts

SEEDS = st.integers(0, 10_000)


@given(SEEDS)
def test_its_own_rollouts_get_the_credit_of_grpo(seed):
    batch = random_rollouts(seed)
    assert torch.equal(Hdpo().credit(batch, 0), Grpo().credit(batch, 0))


def test_only_problems_that_no_rollout_solves_are_cliffs():
    batch = random_rollouts(0, groups=3, size=2)
    right = torch.tensor([True, False, False, False, True, True])
    assert Hdpo().cliffs(replace(batch, correct=right)).tolist() == [False, True, False]


def test_the_divergence_by_hand():
    """Teacher (1/2, 1/2, 0), student (1/4, 1/4, 1/2): mixture (3/8, 3/8, 1/4)."""
    one = replace(random_rollouts(0, groups=1, size=1, length=1), mask=torch.ones(1, 1))
    student = torch.tensor([[[0.25, 0.25, 0.5]]]).log()
    teacher = torch.tensor([[[0.45, 0.45, 0.10]]]).log()  # its two likeliest tokens, renormalised
    expected = 0.5 * math.log(4 / 3) + 0.5 * (0.5 * math.log(2 / 3) + 0.5 * math.log(2))
    found = Hdpo(distil_weight=0.1, top_k=2).distil(student, teacher, one)
    assert_close(found, torch.tensor([[0.1 * expected]]))


@given(SEEDS, st.integers(1, TOKENS))
def test_the_divergence_against_a_formula_of_its_own(seed, k):
    """Within the teacher's k likeliest tokens term by term; beyond them half of ln 2 for the student's probability."""
    g = torch.Generator().manual_seed(seed)
    batch = random_rollouts(seed)
    shape = (*batch.mask.shape, TOKENS)
    student_logits, teacher_logits = torch.randn(shape, generator=g), torch.randn(shape, generator=g)
    student = student_logits.double().softmax(-1)
    ids = teacher_logits.topk(k, -1).indices
    teacher = teacher_logits.double().gather(-1, ids).softmax(-1)
    inside = student.gather(-1, ids)
    mixture = (teacher + inside) / 2
    terms = teacher * (teacher / mixture).log() + inside * (inside / mixture).log()
    expected = 0.5 * terms.sum(-1) + 0.5 * math.log(2) * (1 - inside.sum(-1))
    found = Hdpo(distil_weight=1.0, top_k=k).distil(student_logits, teacher_logits, batch)
    assert_close(found.double(), expected * batch.mask, rtol=1e-4, atol=1e-6)


def test_only_the_likeliest_tokens_are_left():
    logits = torch.tensor([1.0, 3.0, 2.0])
    assert only_top(logits, 2).tolist() == [float("-inf"), 3.0, 2.0]
    assert torch.equal(only_top(logits, 5), logits)


@pytest.mark.parametrize(("weights", "source"), [("actor", "actor"), ("fixed", "fixed")])
def test_the_teacher_is_shown_the_answer(weights, source):
    wanted = Hdpo(teacher_weights=weights, privileged_copies=3).privileged_rollouts()
    assert (wanted.copies, wanted.teacher.weights.source, wanted.teacher.style) == (3, source, "user_turn")
    assert Hdpo().teachers() == {}
    assert Hdpo().asked_teachers() == [Hdpo().privileged_rollouts().teacher]
