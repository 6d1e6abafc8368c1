"""Token-weighted preference optimisation: credit against the gradient of the loss by autograd, and scores by hand."""

from __future__ import annotations

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import logsigmoid

from methods.shared.preference import contrastive_score, preference_credit


def test_the_score_of_a_token_by_hand():
    """p = (.8, .2), q = (.5, .5): p^2 / q is (1.28, .08), so the first token has 1.28 / 1.36."""
    p, q = torch.tensor([[0.8, 0.2]] * 2).log(), torch.tensor([[0.5, 0.5]] * 2).log()
    found = contrastive_score(p + 3.0, q - 1.0, torch.tensor([0, 1]), 1.0)  # logits: a constant changes nothing
    torch.testing.assert_close(found, torch.tensor([1.28 / 1.36, 0.08 / 1.36]))
    torch.testing.assert_close(contrastive_score(p, q, torch.tensor([0, 1]), 0.0), torch.tensor([0.8, 0.2]))


def test_equal_models_score_a_token_by_its_probability():
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    tokens = torch.arange(5)
    found = contrastive_score(logits, logits, tokens, 1.0)
    torch.testing.assert_close(found, logits.softmax(-1)[tokens, tokens])


def test_credit_of_one_pair_by_hand():
    """At the reference the margin is 0, so the sigmoid is 1/2; five tokens in one group undo the mean over tokens."""
    mask = torch.tensor([[1.0, 1, 0], [1, 1, 1]])
    weight = torch.tensor([[1.0, 1, 0], [0.2, 0.5, 1.0]])
    right, group = torch.tensor([True, False]), torch.tensor([0, 0])
    found = preference_credit(torch.zeros(2, 3), weight, right, group, mask, 0.1)
    expected = 5 * 0.1 * 0.5 * torch.tensor([[1.0, 1, 0], [-0.2, -0.5, -1.0]])
    torch.testing.assert_close(found, expected)
    moved = preference_credit(torch.tensor([[2.0, 1, 9], [0, 0, -2]]), weight, right, group, mask, 0.1)
    pull = 1 / (1 + math.exp(0.1 * 3 - 0.1 * -2))  # the margin is .5
    torch.testing.assert_close(moved, expected * 2 * pull)


def by_loops(log_ratio: Tensor, weight: Tensor, right: Tensor, group: Tensor, mask: Tensor, scale: float, place: bool):
    """The loss, pair by pair, from the formula."""
    of_groups = []
    for name in sorted(set(group.tolist())):
        rows = (group == name).nonzero()[:, 0].tolist()
        pairs = [(i, j) for i in rows for j in rows if right[i] and not right[j]]
        losses = []
        for i, j in pairs:
            ours, theirs = (scale * weight[r] * log_ratio[r] * mask[r] for r in (i, j))
            if place:
                longest = int(max(mask[i].sum(), mask[j].sum()))
                losses.append(-logsigmoid(ours - theirs)[:longest].mean())
            else:
                losses.append(-logsigmoid(ours.sum() - theirs.sum()))
        if losses:
            of_groups.append(torch.stack(losses).mean())
    return torch.stack(of_groups).mean() if of_groups else (log_ratio * 0).sum()


@given(st.integers(0, 2**31), st.sampled_from(["sequence", "position"]), st.integers(2, 5))
def test_its_policy_gradient_is_that_of_the_loss(seed, pairing, size):
    g = torch.Generator().manual_seed(seed)
    length, rows = 5, 2 * size
    mask = (torch.arange(length) < torch.randint(1, length + 1, (rows,), generator=g)[:, None]).double()
    weight = torch.rand(rows, length, generator=g, dtype=torch.float64)
    ratio = torch.randn(rows, length, generator=g, dtype=torch.float64, requires_grad=True)
    right, group = torch.rand(rows, generator=g) < 0.5, torch.arange(2).repeat_interleave(size)
    loss = by_loops(ratio, weight, right, group, mask, 0.3, pairing == "position")
    (wanted,) = torch.autograd.grad(loss, ratio)
    credit = preference_credit(ratio.detach(), weight, right, group, mask, 0.3, pairing)
    torch.testing.assert_close(-credit / mask.sum(), wanted)  # the surrogate's gradient: -credit, averaged over tokens


@given(st.integers(0, 2**31))
def test_right_rollouts_gain_wrong_ones_lose_and_uniform_groups_get_nothing(seed):
    g = torch.Generator().manual_seed(seed)
    mask, weight = torch.ones(6, 3), torch.rand(6, 3, generator=g)
    right = torch.tensor([True, False, False, True, True, True])
    group = torch.tensor([0, 0, 0, 1, 1, 1])
    found = preference_credit(torch.randn(6, 3, generator=g), weight, right, group, mask, 0.1)
    assert (found[0] >= 0).all()
    assert (found[1:3] <= 0).all()
    assert (found[3:] == 0).all()
