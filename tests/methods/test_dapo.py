"""DAPO: its reward by hand."""

from __future__ import annotations

import torch

from methods.dapo import Dapo


def test_rewards_are_one_and_minus_one_and_overlong_ones_lose_by_length():
    method = Dapo(max_response=100)  # the last 20 tokens are penalised
    length = torch.tensor([10, 80, 90, 100, 120, 90])
    reward = torch.tensor([1.0, 1, 1, 1, 1, 0])
    assert torch.allclose(method.shaped_reward(reward, length), torch.tensor([1.0, 1, 0.5, 0, 0, -1.5]))


def test_each_part_can_be_turned_off():
    plain = Dapo(max_response=100, wrong_reward=0.0, overlong_penalty=0.0, dynamic_sampling=False)
    reward = torch.tensor([1.0, 0.0])
    assert torch.equal(plain.shaped_reward(reward, torch.tensor([100, 100])), reward)
    assert (plain.draws(), Dapo().draws()) == (1, 10)
