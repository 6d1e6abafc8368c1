"""Labels of tokens, for methods that need them, from a function that reads the chains of a world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from contracts.rollouts import Label
from methods.base import Rollouts
from methods.engines.shared.problems import Problem
from methods.engines.shared.responses import token_texts


def with_labels(
    rollouts: Rollouts, problems: Sequence[Problem], truncated: Bool[Tensor, " B"], tokenizer: PreTrainedTokenizerBase,
    label: Label,
) -> Rollouts:  # fmt: skip
    """Return ``rollouts`` with ``labels``. ``problems`` holds the problem of each rollout.

    A response that ``label`` cannot read has no labels: all three are 0.
    """
    labels = {name: torch.zeros_like(rollouts.mask) for name in ("decisive", "slipped", "filler")}
    for row, (problem, cut) in enumerate(zip(problems, truncated.tolist(), strict=True)):
        ids = rollouts.tokens[row, : int(rollouts.mask[row].sum())].tolist()
        texts = token_texts(tokenizer, ids)
        read = label(problem.id, texts, bool(cut))
        if read is None:
            continue
        decisive, slipped = (torch.tensor(flags, device=rollouts.mask.device) for flags in read)
        for name, marked in (("decisive", decisive), ("slipped", slipped), ("filler", ~(decisive | slipped))):
            labels[name][row, : len(ids)] = marked.to(rollouts.mask.dtype)
    return replace(rollouts, labels=labels)
