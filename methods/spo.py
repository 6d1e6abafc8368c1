"""SPO: the advantage of a segment of a response is the difference of the values at its ends.

Paper: arXiv:2505.23564. Official code: github.com/AIFrameResearch/SPO @b9fc6a2.

- **SPO-chain** (section 4, ``branching`` empty): segments lie between uncertain tokens; a value is the mean reward of
  continuations, which are then thrown away. src/treetune/episode_generators/
  math_episode_generator_with_mc_advantages.py:927-929 (cut points), src/treetune/trainers/ppo_trainer.py:1057-1059
  (probability mask), configs/polIter_qwen05b_spo_chain_gsm8k.jsonnet.
- **SPO-tree** (section 5, for instance ``branching: 2-2-2``): rollouts are sampled as a tree that branches after every
  ``segment_length`` tokens, and the value of a node is the mean over its children (equation 6). Each segment whose
  advantage is not 0 is trained on once. src/treetune/inference_strategies/hybrid_inference_strategy.py:333-424 (tree),
  src/treetune/episode_generators/tree_episode_generator.py:112-179 (advantages, and which segments are left out),
  configs/polIter_qwen1b_spo_tree_MATH.jsonnet.

Where paper and code differ: the code gives the advantages of a mini-batch mean 0 and variance 1 over the tokens inside
the mask (trainers/ppo_MATH.jsonnet, trainers/utils.py:266-291), which the paper does not mention: ``whiten``. The paper
has both forms of a node's advantage (equation 7) and finds the one without a deviation slightly better (figure 5c); it
is the code's default: ``sibling_deviation``. The paper's chain has 9 continuations (appendix H), the config above 4.

Departures: no KL term to the base, as for every method here. Tokens outside the probability mask, and segments without
an advantage, get no credit but stay in the loss's mean over tokens (the paper's Z counts neither), so a step's loss is
smaller by one factor; AdamW takes most of that out again. ``whiten`` counts the tokens of a step, not of a mini-batch.
Chain: the official code leaves the tokens before the first cut without credit, here they get V(first cut) - V(prompt);
all of them are outside the mask. Tree: the paper's is 6-6-6 with 216 rollouts to a problem, whose segments are trained
on over 8 iterations, at most 32 a time (appendix D); here a step trains on all of its tree, so that it stays
on-policy, and the tree is as large as the group. A response that ends early stands for all the rollouts that would have
branched from it, in rewards and accuracies too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from methods.base import Method, PrefixValues, Rollouts
from methods.shared.limits import branching_of
from methods.shared.prefixes import before_end, before_every, segment_advantage, uncertain, whitened
from methods.shared.rollout_tree import RolloutTree, on_tokens, owned, tree_advantage

PRESETS = {"tree": {"branching": "2-2-2"}}  # the depth of the paper's tree, as many leaves as a group has rollouts


@dataclass(frozen=True)
class Spo(Method):
    """Costs ``continuations`` responses for each cut point of each rollout; as a tree nothing besides the rollouts."""

    valued: ClassVar[bool] = True
    branched: ClassVar[bool] = True
    clip_high: float = 0.2  # configs/trainers/ppo_MATH.jsonnet: cliprange, on both sides
    dual_clip: float = 0.0  # the official loss has no cap
    continuations: int = 4  # polIter_qwen05b_spo_chain_gsm8k.jsonnet: num_mc_rollouts; paper, appendix H: 9
    cut_interval: int = 5  # a cut before every fifth uncertain token; released default of cutpoint_interval
    cut_probability: float = 0.9  # a token is uncertain below it
    probability_mask: bool = True  # credit for uncertain tokens only; the paper's probability mask
    branching: str = ""  # continuations of each node, level by level, such as 2-2-2 (paper: 6-6-6); empty: SPO-chain
    segment_length: int = 600  # tokens between two branchings; polIter_qwen1b_spo_tree_MATH.jsonnet: M; GSM8K: 30
    sibling_deviation: bool = False  # a node's advantage over the deviation of its siblings' values; equation 7
    whiten: bool = False  # advantages of a step get mean 0 and variance 1; released ppo_MATH.jsonnet: true

    def rollout_tree(self) -> RolloutTree | None:
        """The tree of SPO-tree; SPO-chain has independent rollouts."""
        return RolloutTree(branching_of(self.branching), self.segment_length) if self.branching else None

    def prefix_values(self) -> PrefixValues | None:
        """The value at each cut point; the values of a tree's nodes are known from its leaves."""
        return None if self.branching else PrefixValues(self.cuts, self.continuations)

    def cuts(self, batch: Rollouts) -> Bool[Tensor, "B T"]:
        """The token before the first of each ``cut_interval`` uncertain tokens."""
        marked = before_every(self._uncertain(batch), self.cut_interval)
        return marked & before_end(batch.mask)

    @torch.no_grad()
    def credit(self, batch: Rollouts, step: int) -> Float[Tensor, "B T"]:
        """Each uncertain token gets the advantage of its segment."""
        tree = self.rollout_tree()
        gained = self._of_chain(batch) if tree is None else self._of_tree(tree, batch)
        counted = batch.mask if tree is None else (gained != 0).to(batch.mask.dtype)
        counted = counted * self._uncertain(batch) if self.probability_mask else counted
        return whitened(gained, counted) if self.whiten else gained * counted

    def _of_chain(self, batch: Rollouts) -> Float[Tensor, "B T"]:
        values = batch.values
        return segment_advantage(values["known"], values["prefix"], values["start"], batch.reward, batch.mask)

    def _of_tree(self, tree: RolloutTree, batch: Rollouts) -> Float[Tensor, "B T"]:
        """The advantage of each node on its tokens, in one of the rollouts that share it. ValueError without a tree."""
        if batch.leaf is None:
            raise ValueError("spo with branching needs Rollouts.leaf")
        gained = tree_advantage(tree, batch.reward, batch.group, batch.leaf, self.sibling_deviation)
        return on_tokens(tree, gained * owned(tree, batch.leaf), batch.mask) * batch.mask

    def _uncertain(self, batch: Rollouts) -> Bool[Tensor, "B T"]:
        return uncertain(batch.logp["student"], batch.mask, self.cut_probability)
