"""Rollouts sampled as a tree: every level goes on from the responses that the level above has not ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from methods.engines.local.policy import Policy
from methods.engines.local.sample import Sampler, Sampling
from methods.engines.shared.prompts import Prompt, continued
from methods.engines.shared.responses import Responses
from methods.shared import seeding
from methods.shared.rollout_tree import RolloutTree

FIELDS = ("tokens", "logp", "entropy", "gap")  # of a response, each (t,); no gap where the policy itself sampled


@dataclass(frozen=True)
class Branch:
    """A response so far."""

    place: int  # of the problem
    tokens: dict[str, Tensor]
    length: int = 0
    truncated: bool = True  # no end-of-turn token yet

    def grown(self, part: Responses, row: int) -> Branch:
        """The branch with a sampled response behind it."""
        added = int(part.mask[row].sum())
        pieces = {name: values[row, :added] for name in FIELDS if (values := getattr(part, name)) is not None}
        joined = {name: torch.cat([self.tokens[name], new]) if self.tokens else new for name, new in pieces.items()}
        return Branch(self.place, joined, self.length + added, bool(part.truncated[row]))


def roll_out_tree(
    tree: RolloutTree, sampler: Sampler, policy: Policy, prompts: Sequence[Prompt], sampling: Sampling, seed: int,
    size: int,
) -> tuple[Responses, int]:  # fmt: skip
    """``tree.leaves`` responses to each prompt, in the order of the leaves, and the number of tokens sampled for them.

    Levels of ``sampling.max_tokens`` in all; the seed of each level is drawn from ``seed``.
    """
    branches, sampled = [Branch(place, {}) for place in range(len(prompts))], 0
    for level, copies in enumerate(tree.branching):
        going = [branch for branch in branches if _goes_on(branch, prompts, sampling)]
        branches, grown = [one for one in branches for _ in range(copies)], iter(())
        if going:
            starts = [continued(prompts[b.place], b.tokens["tokens"].tolist() if b.length else ()) for b in going]
            left = sampling.max_tokens - level * tree.segment
            limit = left if level + 1 == len(tree.branching) else min(tree.segment, left)
            own = replace(sampling, copies=copies, max_tokens=limit)
            part = sampler(policy, starts, own, seeding.stream(seed, "branch", level), size)
            sampled += int(part.mask.sum())
            parents = [branch for branch in going for _ in range(copies)]
            grown = iter([branch.grown(part, row) for row, branch in enumerate(parents)])
        branches = [next(grown) if _goes_on(one, prompts, sampling) else one for one in branches]
    return _responses(branches), sampled


def _goes_on(branch: Branch, prompts: Sequence[Prompt], sampling: Sampling) -> bool:
    """Whether the response has not ended and may have further tokens."""
    total = len(prompts[branch.place].ids) + branch.length
    fits = not sampling.max_total or total < sampling.max_total
    return branch.truncated and branch.length < sampling.max_tokens and fits


def _responses(branches: Sequence[Branch]) -> Responses:
    fields = {name: [one.tokens[name] for one in branches] for name in branches[0].tokens}
    gap = fields.pop("gap", None)
    device = branches[0].tokens["tokens"].device
    padded = {name: pad_sequence(values, batch_first=True) for name, values in fields.items()}
    return Responses(
        **padded,
        mask=pad_sequence([torch.ones(one.length, device=device) for one in branches], batch_first=True),
        owner=torch.tensor([one.place for one in branches], device=device),
        truncated=torch.tensor([float(one.truncated) for one in branches], device=device),
        gap=None if gap is None else pad_sequence(gap, batch_first=True, padding_value=torch.nan),
    )
