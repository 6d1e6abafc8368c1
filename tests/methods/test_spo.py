"""SPO: which tokens get which advantage, as a chain and as a tree."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor
from torch.testing import assert_close

from contracts.errors import ConfigError
from methods.base import Rollouts
from methods.shared.prefixes import segment_advantage, uncertain
from methods.spo import Spo
from tests.helpers.method_batches import random_rollouts, with_services
from tests.helpers.method_contract import check_contract
from workflows.lib.config.method_options import read_methods

LN2 = 0.6931471805599453


def tree_batch(reward: list[float], lengths: list[int], sure: set[tuple[int, int]]) -> Rollouts:
    """One problem with four leaves, tokens of probability 1/2 but for those in ``sure``."""
    batch, width = random_rollouts(0, groups=1, size=4), max(lengths)
    mask = (torch.arange(width) < tensor(lengths)[:, None]).float()
    logp = torch.full_like(mask, -LN2) * mask
    for place in sure:
        logp[place] = 0.0
    return replace(batch, reward=tensor(reward).float(), mask=mask, logp={"student": logp}, leaf=torch.arange(4))


SMALL = Spo(branching="2-2", group_size=4, segment_length=2)


def test_a_tree_by_hand():
    """Nodes are worth 1/2 and 0, the prompt 1/4; the leaves of the second node do not differ."""
    batch = tree_batch([1, 0, 0, 0], [4, 3, 4, 4], sure={(0, 1)})
    got = SMALL.credit(batch, 0)
    assert_close(got, tensor([[0.25, 0, 0.5, 0.5], [0, 0, -0.5, 0], [-0.25, -0.25, 0, 0], [0, 0, 0, 0]]))
    unmasked = replace(SMALL, probability_mask=False).credit(batch, 0)
    assert_close(unmasked[0], tensor([0.25, 0.25, 0.5, 0.5]))
    over = replace(SMALL, sibling_deviation=True).credit(batch, 0)
    assert_close(over, tensor([[1.0, 0, 1, 1], [0, 0, -1, 0], [-1, -1, 0, 0], [0, 0, 0, 0]]))


def test_a_response_that_ended_early_is_trained_on_once():
    """Leaves 0 and 1 are the same response, which ended in the first segment."""
    batch = tree_batch([1, 1, 0, 1], [2, 2, 4, 3], sure=set())
    got = SMALL.credit(batch, 0)
    assert_close(got, tensor([[0.25, 0.25, 0, 0], [0, 0, 0, 0], [-0.25, -0.25, -0.5, -0.5], [0, 0, 0.5, 0]]))


def test_whitened_advantages_are_those_of_uncertain_tokens_of_segments_that_count():
    batch = tree_batch([1, 0, 0, 0], [4, 3, 4, 4], sure={(0, 1)})
    plain, got = SMALL.credit(batch, 0), replace(SMALL, whiten=True).credit(batch, 0)
    counted = plain != 0
    assert torch.equal(got != 0, counted)
    assert_close(got[counted].mean(), tensor(0.0), atol=1e-6, rtol=0)
    assert_close(got[counted].std(), tensor(1.0))
    assert_close(got[counted], (plain[counted] - plain[counted].mean()) / plain[counted].std())


@given(st.integers(0, 10_000), st.booleans())
def test_a_chain_is_the_segment_advantage_of_uncertain_tokens(seed, masked):
    method = Spo(cut_interval=1, probability_mask=masked)
    batch = with_services(method, random_rollouts(seed))
    values = (batch.values[name] for name in ("known", "prefix", "start"))
    gained = segment_advantage(*values, batch.reward, batch.mask)
    marked = uncertain(batch.logp["student"], batch.mask, 0.9)
    assert torch.equal(method.credit(batch, 0), gained * marked if masked else gained)


@given(st.integers(0, 10_000))
def test_every_segment_of_a_tree_counts_once(seed):
    """The credit of a segment's tokens stands in one leaf; along a path all segments add up to reward - V(prompt)."""
    method = Spo(branching="2-2-2", segment_length=1, probability_mask=False)
    batch = with_services(method, random_rollouts(seed, size=8, length=3))
    full = replace(batch, mask=torch.ones_like(batch.mask))
    credit = method.credit(full, 0)
    for group in range(3):
        rows = credit[batch.group == group].double()
        path = rows[:, 2] + rows[::2, 1].repeat_interleave(2) + rows[::4, 0].repeat_interleave(4)
        reward = full.reward[batch.group == group].double()
        assert_close(path, reward - reward.mean(), atol=1e-6, rtol=0)
        assert (rows[1::2, 1] == 0).all()


@pytest.mark.parametrize("changed", [{}, {"whiten": True}, {"sibling_deviation": True}, {"probability_mask": False}])
def test_a_tree_holds_the_contract(changed):
    check_contract(Spo(branching="2-2-2", segment_length=2, **changed))


def test_a_tree_asks_for_no_values_and_a_chain_for_no_tree():
    assert (SMALL.prefix_values(), Spo().rollout_tree()) == (None, None)
    assert Spo(**read_methods()["spo"].presets["tree"]).rollout_tree().branching == (2, 2, 2)
    with pytest.raises(ConfigError, match=r"^option branching: 3-3 has 9 leaves, the group size is 8"):
        Spo(branching="3-3")
