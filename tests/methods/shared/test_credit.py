"""Token credit by hand and by property: sign, lam = 0, A = 0, Proposition 1, the shuffled control, the log."""

from __future__ import annotations

import math
from math import log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor
from torch.testing import assert_close

from methods.shared.credit import evidence_moments, shuffled, token_credit, token_weight, uniform_credit

NATS = st.floats(-50, 50, width=32)
ADVANTAGES = st.floats(-3, 3, width=32)


def test_token_credit_by_hand():
    # A = 2; evidence 0, ln 1.1, ln 9 nats -> weights 1, 1.1, 1.2 (clipped); half of each plus half of 1
    ones = torch.ones(1, 3)
    evidence = tensor([[0.0, log(1.1), log(9.0)]])
    assert_close(token_credit(tensor([2.0]), evidence, 0.5, 0.2, ones), tensor([[2.0, 2.1, 2.2]]))
    # A = -2 turns the evidence round: weights 1, 1 / 1.1, 0.8
    assert_close(token_credit(tensor([-2.0]), evidence, 0.5, 0.2, ones), tensor([[-2.0, -1 - 1 / 1.1, -1.8]]))


@given(ADVANTAGES, st.lists(NATS, min_size=1, max_size=6), st.floats(0, 1), st.floats(0, 0.99))
def test_credit_has_the_sign_of_the_advantage_and_stays_in_its_bounds(advantage, evidence, lam, eps):
    a, e = tensor([advantage]), tensor([evidence])
    credit = token_credit(a, e, lam, eps, torch.ones_like(e))
    assert (torch.sign(credit) == torch.sign(a)).all() or abs(advantage) < 1e-30
    assert (credit.abs() <= abs(advantage) * (1 + lam * eps) * (1 + 1e-5)).all()
    assert (credit.abs() >= abs(advantage) * (1 - lam * eps) * (1 - 1e-5)).all()


@given(ADVANTAGES, st.lists(st.floats(allow_nan=False, width=32), min_size=1, max_size=6))
def test_lam_zero_is_grpo_bit_for_bit(advantage, evidence):
    a, e = tensor([advantage]), tensor([evidence])
    mask = (torch.arange(e.shape[1]) < 3).float()[None]
    assert torch.equal(token_credit(a, e, 0.0, 0.5, mask), uniform_credit(a, mask))


def test_extreme_evidence_stays_finite():
    weight = token_weight(tensor([1.0, -1.0, 0.0]), tensor([[1e30], [1e30], [1e30]]), 0.5)
    assert weight.tolist() == [[1.5], [0.5], [1.0]]


@given(st.lists(st.tuples(*[st.floats(-0.3, 0.3)] * 3), min_size=1, max_size=8))
def test_proposition_1(logps):
    # On a right trajectory CEPO's weight P+ / P- exceeds RLSD's P+ / P_S exactly where P- < P_S.
    right, wrong, student = tensor(logps, dtype=torch.float64).T
    a = torch.ones(1, dtype=torch.float64)
    cepo, rlsd = (token_weight(a, (right - rival)[None], 1.0)[0] for rival in (wrong, student))  # no weight reaches 2
    apart = (wrong - student).abs() > 1e-12
    assert torch.equal((cepo > rlsd)[apart], (wrong < student)[apart])


def test_shuffled_keeps_each_response_its_own_weights():
    evidence = torch.arange(12.0).view(2, 6)
    mask = tensor([[1.0] * 6, [1.0, 1, 1, 1, 0, 0]])
    out = shuffled(evidence, mask, seed=3)
    assert sorted(out[0].tolist()) == evidence[0].tolist()
    assert sorted(out[1, :4].tolist()) == evidence[1, :4].tolist()
    assert not torch.equal(out, evidence)
    assert torch.equal(out, shuffled(evidence, mask, seed=3))
    assert not torch.equal(out, shuffled(evidence, mask, seed=4))
    padded = shuffled(torch.nn.functional.pad(evidence, (0, 2)), torch.nn.functional.pad(mask, (0, 2)), seed=3)
    assert torch.equal(padded[:, :6], out)


def test_evidence_moments_by_hand():
    evidence = tensor([[1.0, 3.0, 9.0], [-2.0, 0.0, 0.0], [5.0, 5.0, 5.0]])
    mask = tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    moments = evidence_moments(tensor([2.0, -1.0, 0.0]), evidence, 0.5, mask)
    assert moments == {
        "mean_positive": 2.0,
        "std_positive": 1.0,
        "mean_negative": -1.0,
        "std_negative": 1.0,
        "share_positive": 0.5,  # of four tokens: the third rollout has A = 0
        "share_negative": 0.25,
        "weight_clip_rate": 0.75,
    }
    assert set(evidence_moments(torch.zeros(3), evidence, 0.5, mask).values()) == {None}


@pytest.mark.parametrize("eps", [0.1, 0.5, 0.8])
def test_weights_reach_exactly_the_clip(eps):
    weight = token_weight(tensor([1.0]), tensor([[-9.0, 0.0, 9.0]]), eps)
    assert_close(weight, tensor([[1 - eps, 1.0, 1 + eps]]))


@pytest.mark.parametrize("padding", [math.nan, math.inf])
def test_what_stands_at_padding_gets_no_credit(padding):
    mask = tensor([[1.0, 1.0, 0.0]])
    credit = token_credit(tensor([2.0]), tensor([[0.0, math.log(1.1), padding]]), 0.5, 0.2, mask)
    assert_close(credit, tensor([[2.0, 2.1, 0.0]]))
    assert uniform_credit(tensor([2.0]), mask).tolist() == [[2.0, 2.0, 0.0]]
