"""Rollouts that are sampled as a tree: its shape, and the advantage of each segment from the values of its nodes.

A node is a segment of a response. Every rollout of a problem is a leaf; leaves are numbered 0, 1, ... within their
problem, so that the leaves below a node are neighbours. A response that ends before the last level stands for all the
leaves that would have been below it, so the rollouts of a problem are always as many, and the value of a node,
which is defined as the mean over its children (SPO, arXiv:2505.23564, equation 6), is the mean reward of its leaves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

EPS = 1e-8  # added to a standard deviation; released SPO: src/treetune/episode_generators/tree_episode_generator.py:139
GUARD = 1e-6  # values of a node and of its parent that differ by less are equal but for rounding


@dataclass(frozen=True)
class RolloutTree:
    """How the rollouts of a problem branch."""

    branching: tuple[int, ...]  # continuations of each node, from the prompt down; their product is the group size
    segment: int  # tokens of a node; those of the last level go on to the end of the response

    @property
    def leaves(self) -> int:
        """Rollouts of a problem."""
        return math.prod(self.branching)

    @property
    def below(self) -> list[int]:
        """Leaves below a node of each level."""
        return [math.prod(self.branching[level + 1 :]) for level in range(len(self.branching))]

    def levels(self, length: int) -> Int[Tensor, " T"]:
        """The level of the node that each of the first ``length`` tokens of a response belongs to."""
        return (torch.arange(length) // self.segment).clamp(max=len(self.branching) - 1)


def node_values(
    reward: Float[Tensor, " B"], group: Int[Tensor, " B"], leaf: Int[Tensor, " B"], below: int
) -> Float[Tensor, " B"]:
    """The value of the node above each leaf, of a level with ``below`` leaves below a node; float64."""
    width = int(leaf.max()) + 1
    _, node = torch.unique(group * width + leaf // below, return_inverse=True)
    size = torch.bincount(node).double()
    return (torch.zeros_like(size).index_add_(0, node, reward.double()) / size)[node]


def tree_advantage(
    tree: RolloutTree,
    reward: Float[Tensor, " B"],
    group: Int[Tensor, " B"],
    leaf: Int[Tensor, " B"],
    normalised: bool = False,
) -> Float[Tensor, "B D"]:
    """V(node) - V(its parent) of the node of each level above a leaf; ``normalised``: over the siblings' deviation.

    SPO (arXiv:2505.23564), equation 7. The deviation is that of the children's values, not unbiased; 0 where a node is
    worth what its parent is worth.
    """
    before, gained = node_values(reward, group, leaf, tree.leaves), []
    parents = [tree.leaves, *tree.below[:-1]]
    for below, above in zip(tree.below, parents, strict=True):
        value = node_values(reward, group, leaf, below)
        change = (value - before).where((value - before).abs() > GUARD, 0.0)
        if normalised:
            change = change / (node_values(change.square(), group, leaf, above).sqrt() + EPS)
        gained.append(change)
        before = value
    return torch.stack(gained, 1).to(reward.dtype)


def owned(tree: RolloutTree, leaf: Int[Tensor, " B"]) -> Bool[Tensor, "B D"]:
    """True where a leaf is the first below its node of a level: a segment that many leaves share is trained on once."""
    return leaf[:, None] % torch.tensor(tree.below, device=leaf.device) == 0


def on_tokens(tree: RolloutTree, of_nodes: Tensor, mask: Float[Tensor, "B T"]) -> Tensor:
    """What holds for the node of each level, (B, D), on the tokens of the node, (B, T)."""
    return of_nodes[:, tree.levels(mask.shape[1]).to(of_nodes.device)]
