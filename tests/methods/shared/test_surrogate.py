"""The clipped surrogate and the two averages by hand and by property."""

from __future__ import annotations

import math
from math import log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor
from torch.testing import assert_close

from methods.shared.surrogate import clipped_surrogate, mean_over, token_weights

CLIP = {"clip_low": 0.2, "clip_high": 0.28, "dual_clip": 3.0}


def surrogate(ratio: float, credit: float, **changes: float):
    """Loss, marks that are set, and gradient by the log-prob, of one token."""
    logp = tensor([[log(ratio)]], dtype=torch.float64, requires_grad=True)
    clip = CLIP | changes
    loss, marks = clipped_surrogate(logp, torch.zeros_like(logp), torch.full_like(logp, credit), **clip)
    loss.sum().backward()
    assert logp.grad is not None
    return loss.item(), {name for name, mark in marks.items() if mark.item() == 1}, logp.grad.item()


@pytest.mark.parametrize(
    ("ratio", "credit", "loss", "marks", "gradient"),
    [
        (1.0, 2.0, -2.0, set(), -2.0),
        (1.2, 2.0, -2.4, set(), -2.4),
        (1.5, 2.0, -2.56, {"clip_high"}, 0.0),
        (0.5, 2.0, -1.0, set(), -1.0),  # a good token that became rare is still pulled back
        (0.5, -2.0, 1.6, {"clip_low"}, 0.0),
        (1.5, -2.0, 3.0, set(), 3.0),
        (4.0, -2.0, 6.0, {"dual_clip"}, 0.0),
        (4.0, 0.0, 0.0, set(), 0.0),
    ],
)
def test_one_token_by_hand(ratio, credit, loss, marks, gradient):
    found = surrogate(ratio, credit)
    assert_close(found[0], loss)
    assert found[1] == marks
    assert_close(found[2], gradient)


def test_without_dual_clip_the_loss_keeps_growing():
    assert_close(surrogate(4.0, -2.0, dual_clip=0.0)[0], 8.0)


def test_huge_ratios_stay_finite():
    logp = tensor([[500.0, -500.0]], requires_grad=True)
    for credit in (1.0, -1.0):
        loss, _ = clipped_surrogate(logp, torch.zeros(1, 2), torch.full((1, 2), credit), 0.2, 0.28, 0.0)
        loss.sum().backward()
        assert loss.isfinite().all()
    assert logp.grad is not None
    assert logp.grad.isfinite().all()


@given(st.floats(-2, 2), st.floats(-3, 3))
def test_the_first_update_is_on_policy_so_nothing_is_clipped(logp, credit):
    old = tensor([[logp]])
    loss, marks = clipped_surrogate(old, old, tensor([[credit]]), **CLIP)
    assert_close(loss, tensor([[-credit]]))
    assert all(mark.sum() == 0 for mark in marks.values())


def test_averages_by_hand():
    loss, mask = tensor([[1.0, 2.0, 3.0], [8.0, 9.0, 9.0]]), tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    assert mean_over(loss, mask, "token") == 14 / 4
    assert mean_over(loss, mask, "sequence") == (2 + 8) / 2
    assert mean_over(loss, tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]), "sequence") == 1.0  # an empty one counts as 0


@pytest.mark.parametrize("how", ["token", "sequence"])
@pytest.mark.parametrize("padding", [math.nan, math.inf, -math.inf])
def test_what_stands_at_padding_does_not_count(how, padding):
    mask = tensor([[1.0, 1.0, 0.0]])
    assert mean_over(tensor([[1.0, 3.0, padding]]), mask, how) == 2.0


@pytest.mark.parametrize("how", ["token", "sequence"])
def test_weights_sum_to_one_and_ignore_padding(how):
    mask = (torch.arange(5) < tensor([[5], [2], [3]])).float()
    weights = token_weights(mask, how)
    assert_close(weights.sum(), tensor(1.0))
    assert (weights[mask == 0] == 0).all()
    assert torch.equal(token_weights(torch.nn.functional.pad(mask, (0, 2)), how)[:, :5], weights)
