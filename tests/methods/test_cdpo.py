"""cDPO: what its credit is made of."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from methods.cdpo import Cdpo
from tests.helpers.method_batches import random_rollouts, with_services


def pair(score: list[list[float]], ratio: float = 0.0):
    """A right and a wrong rollout of two tokens each."""
    batch = random_rollouts(0, groups=1, size=2, length=2)
    reference = torch.full((2, 2), -1.0)
    return replace(
        batch, correct=torch.tensor([True, False]), advantage=torch.tensor([0.7, -0.7]), mask=torch.ones(2, 2),
        logp={"student": reference + ratio}, prepared={"score": torch.tensor(score), "reference": reference},
    )  # fmt: skip


def test_critical_tokens_of_the_wrong_rollout_count_and_the_right_one_counts_in_full():
    found = Cdpo(preference_scale=0.5).credit(pair([[0.1, 0.9], [0.2, 1.0]]), 0)
    expected = 4 * 0.5 * 0.5 * torch.tensor([[1.0, 1.0], [-0.8, 0.0]])
    torch.testing.assert_close(found, expected)


def test_tokens_of_the_right_rollout_can_count_by_their_score():
    found = Cdpo(preference_scale=0.5, weigh_right=True).credit(pair([[0.1, 0.9], [0.2, 1.0]]), 0)
    torch.testing.assert_close(found, torch.tensor([[0.1, 0.9], [-0.8, 0.0]]))


def test_a_pair_that_is_told_apart_already_pulls_less():
    near, far = (
        Cdpo().credit(replace(one := pair([[0.5, 0.5], [0.5, 0.5]]), logp={"student": one.logp["student"] + moved}), 0)
        for moved in (torch.zeros(2, 2), torch.tensor([[5.0, 5.0], [-5.0, -5.0]]))
    )
    assert (far.abs() < near.abs()).all()
    assert torch.equal(far.sign(), near.sign())


@pytest.mark.parametrize("pairs", ["base", "rollouts"])
def test_it_is_offline_with_the_pairs_of_the_base(pairs):
    method = Cdpo(pairs=pairs)
    assert method.offline() == (pairs == "base")
    batch = with_services(method, random_rollouts(2))
    credit = method.credit(batch, 0)
    assert (credit[batch.correct] >= 0).all()
    assert (credit[~batch.correct] <= 0).all()
