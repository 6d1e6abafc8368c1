"""Values and advantages in a tree of rollouts: by hand, by the paper's recursion, and by properties."""

from __future__ import annotations

from math import sqrt
from statistics import fmean, pstdev

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import tensor
from torch.testing import assert_close

from contracts.errors import ConfigError
from methods.shared.limits import branching_of, check_branching
from methods.shared.rollout_tree import RolloutTree, node_values, on_tokens, owned, tree_advantage

TREE = RolloutTree((2, 3), segment=2)
REWARD = tensor([1.0, 0, 0, 1, 1, 0])  # values of the nodes: 1/3 and 2/3; of the prompt: 1/2
GROUP, LEAF = torch.zeros(6, dtype=torch.long), torch.arange(6)


def test_a_tree_of_two_levels_by_hand():
    assert (TREE.leaves, TREE.below) == (6, [3, 1])
    assert_close(node_values(REWARD, GROUP, LEAF, 3), tensor([1.0, 1, 1, 2, 2, 2]).double() / 3)
    got = tree_advantage(TREE, REWARD, GROUP, LEAF)
    assert_close(got[:, 0], tensor([-1.0, -1, -1, 1, 1, 1]) / 6)
    assert_close(got[:, 1], tensor([2.0, -1, -1, 1, 1, -2]) / 3)


def test_over_the_deviation_of_the_siblings_by_hand():
    got = tree_advantage(TREE, REWARD, GROUP, LEAF, normalised=True)
    assert_close(got[:, 0], tensor([-1.0, -1, -1, 1, 1, 1]))  # siblings 1/3 and 2/3 have a deviation of 1/6
    assert_close(got[:, 1], tensor([2.0, -1, -1, 1, 1, -2]) / 3 / (sqrt(2) / 3))  # of 1, 0, 0: sqrt(2) / 3


def test_a_node_without_differences_below_has_no_advantage_there():
    reward = tensor([0.1, 0.1, 0.1, 1.0, 0.1, 0.1])
    for normalised in (False, True):
        got = tree_advantage(TREE, reward, GROUP, LEAF, normalised)
        assert (got[:3, 1] == 0).all()
        assert got[3, 1] > 0 > got[4, 1]


def test_each_node_is_owned_by_its_first_leaf():
    assert owned(TREE, LEAF).int().tolist() == [[1, 1], [0, 1], [0, 1], [1, 1], [0, 1], [0, 1]]


def test_tokens_of_the_last_level_go_on_to_the_end():
    assert TREE.levels(6).tolist() == [0, 0, 1, 1, 1, 1]
    of_nodes = tensor([[7.0, 8.0]])
    assert on_tokens(TREE, of_nodes, torch.ones(1, 5)).tolist() == [[7, 7, 8, 8, 8]]


def recursion(rewards: list[float], branching: tuple[int, ...], normalised: bool) -> tuple[float, list[list[float]]]:
    """Value of a node, and the advantages along the path below it to each leaf: algorithm 1 of the paper."""
    if not branching:
        return rewards[0], [[]]
    size = len(rewards) // branching[0]
    below = [recursion(rewards[k * size : (k + 1) * size], branching[1:], normalised) for k in range(branching[0])]
    values = [value for value, _ in below]
    value, deviation = fmean(values), (pstdev(values) + 1e-8) if normalised else 1.0
    return value, [[(own - value) / deviation, *path] for own, paths in below for path in paths]


@given(st.integers(0, 2**31), st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple), st.booleans())
def test_equals_the_recursion_and_telescopes_whatever_the_order(seed, branching, normalised):
    g = torch.Generator().manual_seed(seed)
    tree, groups = RolloutTree(branching, 3), 2
    reward = torch.randint(0, 2, (groups * tree.leaves,), generator=g).float()
    group, leaf = torch.arange(groups).repeat_interleave(tree.leaves), torch.arange(tree.leaves).repeat(groups)
    got = tree_advantage(tree, reward, group, leaf, normalised)
    for place in range(groups):
        rows = group == place
        start, paths = recursion(reward[rows].tolist(), branching, normalised)
        assert_close(got[rows], tensor(paths), atol=1e-6, rtol=1e-6)
        if not normalised:
            assert_close(got[rows].sum(1), reward[rows] - start)
        assert owned(tree, leaf)[rows].sum(0).tolist() == [tree.leaves // below for below in tree.below]
    order = torch.randperm(len(reward), generator=g)
    assert torch.equal(tree_advantage(tree, reward[order], group[order], leaf[order], normalised), got[order])


def test_one_level_is_the_reward_less_the_mean_of_its_group():
    got = tree_advantage(RolloutTree((6,), 4), REWARD, GROUP, LEAF)
    assert_close(got[:, 0], REWARD - REWARD.mean())


OPTIONS = {"branching": "2-3", "group_size": 6, "cut_adds_end": False}


def test_shapes_of_trees():
    assert (branching_of("6-6-6"), branching_of("")) == ((6, 6, 6), ())
    check_branching(OPTIONS, "place")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"branching": "2x3"}, "place: '2x3' names no tree; write the continuations of each level, such as 2-2-2"),
        ({"branching": "0-6"}, "place: '0-6' names no tree"),
        ({"group_size": 8}, "place: 2-3 has 6 leaves, the group size is 8; set group_size to the product of the num"),
        ({"cut_adds_end": True}, "place: a tree of rollouts cannot end cut responses; set cut_adds_end to false"),
    ],
)
def test_a_tree_that_cannot_be_is_one_line(changed, message):
    with pytest.raises(ConfigError, match=f"^{message}"):
        check_branching(OPTIONS | changed, "place")
