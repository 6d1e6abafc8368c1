"""Divergences by hand, by property, and against torch's own."""

from __future__ import annotations

from math import log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor
from torch.nn.functional import kl_div, log_softmax
from torch.testing import assert_close

from methods.shared.divergence import divergence, forward_kl, jsd, reverse_kl, top_k_and_tail

KINDS = ["forward_kl", "reverse_kl", "jsd"]
LOGITS = st.lists(st.tuples(st.floats(-30, 30), st.floats(-30, 30)), min_size=2, max_size=9)


def pair(logits):
    student, teacher = tensor(logits, dtype=torch.float64).T
    return student, teacher


def test_by_hand():
    # S = (1/2, 1/2), T = (1/4, 3/4); M = (3/8, 5/8)
    student, teacher = tensor([0.0, 0.0]), tensor([log(1 / 4), log(3 / 4)])
    assert_close(forward_kl(student, teacher).item(), 0.25 * log(0.5) + 0.75 * log(1.5))
    assert_close(reverse_kl(student, teacher).item(), 0.5 * log(2.0) + 0.5 * log(2 / 3))
    to_mixture = 0.25 * log(2 / 3) + 0.75 * log(6 / 5), 0.5 * log(4 / 3) + 0.5 * log(4 / 5)
    assert_close(jsd(student, teacher).item(), 0.5 * sum(to_mixture), atol=1e-7, rtol=1e-5)


@given(LOGITS)
def test_against_torch(logits):
    student, teacher = (log_softmax(x, -1) for x in pair(logits))
    assert_close(forward_kl(student, teacher), kl_div(student, teacher, log_target=True, reduction="sum"))
    assert_close(reverse_kl(student, teacher), kl_div(teacher, student, log_target=True, reduction="sum"))


@given(LOGITS, st.floats(0.05, 0.95))
def test_non_negative_zero_for_equals_and_bounded(logits, beta):
    student, teacher = pair(logits)
    for kind in KINDS:
        assert divergence(kind, student, teacher, beta) >= -1e-9
        assert abs(divergence(kind, student, student + 3.0, beta)) < 1e-9  # logits are defined up to a constant
    assert jsd(student, teacher) <= log(2) + 1e-9
    assert_close(jsd(student, teacher, beta), jsd(teacher, student, 1 - beta))


@given(LOGITS)
def test_jsd_tends_to_both_kls(logits):
    student, teacher = (x / 10 for x in pair(logits))
    assert_close(jsd(student, teacher, 1e-6) / 1e-6, forward_kl(student, teacher), rtol=1e-3, atol=1e-4)
    assert_close(jsd(student, teacher, 1 - 1e-6) / 1e-6, reverse_kl(student, teacher), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_barred_tokens_and_extreme_logits_leave_values_and_gradients_finite(kind):
    inf = float("inf")
    student = tensor([[0.0, -inf, 1.0], [900.0, -900.0, 0.0], [-900.0, 900.0, 0.0]], requires_grad=True)
    teacher = tensor([[1.0, -inf, 0.0], [-900.0, 900.0, 0.0], [0.0, 0.0, 0.0]])
    per_token = divergence(kind, student, teacher)
    per_token.sum().backward()
    assert per_token.isfinite().all()
    assert student.grad is not None
    assert student.grad.isfinite().all()
    assert_close(per_token[0], divergence(kind, tensor([0.0, 1.0]), tensor([1.0, 0.0])))


def test_forward_kl_pulls_towards_every_token_of_the_teacher():
    # the gradient of KL(T || S) by the student's logits at temperature tau is (S - T) / tau
    student = tensor([0.3, -1.0, 0.7], dtype=torch.float64, requires_grad=True)
    teacher = tensor([1.3, 0.1, -0.7], dtype=torch.float64, requires_grad=True)
    forward_kl(student, teacher, tau=1.1).backward()
    expected = ((student / 1.1).softmax(-1) - (teacher / 1.1).softmax(-1)) / 1.1
    assert student.grad is not None
    assert_close(student.grad, expected.detach())
    assert teacher.grad is None


def test_token_clip_caps_each_entry():
    student, teacher = tensor([0.0, 0.0]), tensor([log(1 / 4), log(3 / 4)])
    terms = [0.25 * log(0.5), 0.75 * log(1.5)]  # the second is 0.304
    assert_close(forward_kl(student, teacher, token_clip=0.05).item(), terms[0] + 0.05)
    assert_close(forward_kl(student, teacher, token_clip=1.0).item(), sum(terms))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_half_precision_logits_are_widened(dtype):
    logits = torch.randn(2, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    assert divergence("jsd", logits, logits.flip(-1)).dtype == torch.float32


def test_top_k_and_tail_by_hand():
    # the student's two likeliest of four are 3 and 0; the rest is one bucket on both sides
    student, teacher = tensor([0.3, 0.1, 0.2, 0.4]).log(), tensor([0.1, 0.2, 0.3, 0.4]).log()
    s, t = top_k_and_tail(student, teacher, 2)
    assert_close(s.exp(), tensor([0.4, 0.3, 0.3]))
    assert_close(t.exp(), tensor([0.4, 0.1, 0.5]))
    everything = top_k_and_tail(student, teacher, 4)
    assert_close(everything, (student, teacher))


@given(LOGITS, st.integers(1, 9))
def test_merging_tokens_never_raises_a_divergence(logits, k):
    student, teacher = pair(logits)
    buckets = top_k_and_tail(student, teacher, k)
    for kind in KINDS:
        assert divergence(kind, *buckets) <= divergence(kind, student, teacher) + 1e-9
