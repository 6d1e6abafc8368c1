"""Values of prefixes by Monte Carlo: which prefixes to continue, and from the continuations' rewards to tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from methods.engines.shared.responses import Responses, token_texts


@dataclass(frozen=True)
class AskedPrefixes:
    """The distinct prefixes to continue, the bare prompts first, and where the value of each belongs."""

    distinct: list[tuple[int, tuple[int, ...]]]  # problem, and the tokens of the response so far
    known: Bool[Tensor, "B T"]
    which: list[int]  # per known token in row order: index into ``distinct``
    owner: Tensor  # (B,) problem of each rollout, which is also the index of its bare prompt

    def spread(self, means: Float[Tensor, " N"]) -> dict[str, Tensor]:
        """``Rollouts.values`` from the mean reward of each distinct prefix."""
        prefix = torch.zeros(self.known.shape, dtype=means.dtype, device=means.device)
        prefix[self.known] = means[torch.tensor(self.which, dtype=torch.long, device=means.device)]
        return {"known": self.known, "prefix": prefix, "start": means[self.owner]}


def asked_prefixes(known: Bool[Tensor, "B T"], responses: Responses, problems: int) -> AskedPrefixes:
    """The prefixes that end at the tokens marked in ``known``; rollouts that begin alike share theirs."""
    index = {(place, ()): place for place in range(problems)}
    ids, owners, which = responses.every_id(), responses.owner.tolist(), []
    for row, column in known.nonzero().tolist():
        key = owners[row], ids[row][: column + 1]
        which.append(index.setdefault(key, len(index)))
    return AskedPrefixes(list(index), known, which, responses.owner)


def completions(
    asked: AskedPrefixes, sampled: Responses, max_response: int, continuations: int
) -> list[tuple[int, ...]]:
    """Each prefix with what was sampled behind it, cut to ``max_response`` tokens as a rollout would have been."""
    before = [ids for _, ids in asked.distinct for _ in range(continuations)]
    return [(*ids, *sampled.ids(row))[:max_response] for row, ids in enumerate(before)]


def line_ends(tokenizer: PreTrainedTokenizerBase, responses: Responses) -> Bool[Tensor, "B T"]:
    """Response tokens whose text holds a line break."""
    breaks = _with_breaks(tokenizer, sorted(set(responses.tokens.flatten().tolist())))
    return torch.isin(responses.tokens, torch.tensor(breaks, device=responses.tokens.device)) & (responses.mask > 0)


def _with_breaks(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> list[int]:
    return [token for token, text in zip(ids, token_texts(tokenizer, ids), strict=True) if "\n" in text]
