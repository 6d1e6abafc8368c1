"""PRM: its two recipes on a rollout by hand."""

from __future__ import annotations

from dataclasses import replace

import torch

from methods.prm import Prm
from methods.shared.credit import uniform_credit
from tests.helpers.method_batches import random_rollouts, with_services


def test_progress_adds_the_difference_of_the_scores_to_the_advantage_of_the_outcome():
    method = Prm(step_credit="progress", progress_weight=2.0)
    batch = with_services(method, random_rollouts(0, groups=1, size=2, length=4))
    mask = torch.tensor([[1.0, 1, 1, 1], [1, 1, 0, 0]])
    told = {
        "known": torch.tensor([[False, True, False, False], [False] * 4]),
        "prefix": torch.tensor([[0.0, 0.75, 0, 0], [0] * 4]),
        "start": torch.tensor([0.5, 0.5]),
    }
    reward, advantage = torch.tensor([1.0, 0.0]), torch.tensor([0.7, -0.7])
    batch = replace(batch, mask=mask, reward=reward, advantage=advantage, prepared=told)
    first, second, wrong = 0.7 + 2 * 0.25, 0.7 + 2 * 0.25, -0.7 + 2 * -0.5
    expected = torch.tensor([[first, first, second, second], [wrong, wrong, 0, 0]])
    torch.testing.assert_close(method.credit(batch, 0), expected)


def test_progress_of_no_weight_is_grpo():
    method = Prm(step_credit="progress", progress_weight=0.0)
    batch = with_services(method, random_rollouts(3))
    assert torch.equal(method.credit(batch, 0), uniform_credit(batch.advantage, batch.mask))


def test_rollouts_of_one_line_get_grpos_advantage_of_the_outcome():
    """One step each: the normalised rewards are those of the group, as in GRPO."""
    batch = random_rollouts(1)
    nothing = torch.zeros_like(batch.mask)
    told = {"known": nothing.bool(), "prefix": nothing, "start": nothing[:, 0]}
    credit = Prm().credit(replace(batch, prepared=told), 0)
    torch.testing.assert_close(credit, uniform_credit(batch.advantage, batch.mask), atol=1e-5, rtol=1e-5)
