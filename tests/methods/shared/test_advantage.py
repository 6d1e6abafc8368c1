"""Group advantages by hand and by property."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor
from torch.testing import assert_close

from methods.shared.advantage import all_wrong_groups, group_advantage, group_mix

REWARDS = st.lists(st.sampled_from([0.0, 0.1, 1.0]), min_size=1, max_size=24)


def test_group_advantage_by_hand():
    # mean 0.25, unbiased std sqrt((0.75**2 + 3 * 0.25**2) / 3) = 0.5
    advantage = group_advantage(tensor([1.0, 0.0, 0.0, 0.0]), tensor([7, 7, 7, 7]), eps=0.0)
    assert_close(advantage, tensor([1.5, -0.5, -0.5, -0.5]))


def test_a_wrong_but_boxed_rollout_is_praised_in_an_all_wrong_group_unless_dropped():
    reward, group = tensor([0.1] * 7 + [0.0]), torch.zeros(8, dtype=torch.long)
    assert_close(group_advantage(reward, group), tensor([0.354] * 7 + [-2.475]), atol=1e-3, rtol=0)
    wrong = torch.zeros(8, dtype=torch.bool)
    assert (group_advantage(reward, group, correct=wrong) == 0).all()
    assert (group_advantage(reward, group, correct=~wrong) != 0).all()


def test_equal_rewards_give_exactly_zero():
    for value in (0.0, 0.1, 1 / 3, 1.0):
        assert (group_advantage(torch.full((8,), value), torch.zeros(8, dtype=torch.long)) == 0).all()
    assert group_advantage(tensor([1.0]), tensor([0])) == 0  # a group of one


@given(REWARDS, st.randoms(use_true_random=False))
def test_neither_order_nor_names_of_groups_matter(rewards, random):
    reward = tensor(rewards)
    group = tensor([random.randrange(3) for _ in rewards])
    order = tensor(random.sample(range(len(rewards)), len(rewards)))
    plain = group_advantage(reward, group)
    assert_close(group_advantage(reward[order], 5 - group[order]), plain[order], rtol=1e-6, atol=1e-7)


def test_group_mix_by_hand():
    correct = tensor([True, True, True, False, False, False, True, False])
    assert group_mix(correct, tensor([0, 0, 1, 1, 2, 2, 3, 3])) == {"all_right": 0.25, "mixed": 0.5, "all_wrong": 0.25}


def test_all_wrong_groups_are_those_without_a_right_rollout():
    right, group = tensor([True, False, False, False, True]), tensor([2, 2, 0, 0, 1])
    assert all_wrong_groups(right, group).tolist() == [True, False, False]
