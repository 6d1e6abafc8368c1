"""Responses of one rollout step as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad
from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Responses:
    """B responses, right-padded to the longest; padding is 0 in every field but ``gap``."""

    tokens: Int[Tensor, "B T"]
    mask: Float[Tensor, "B T"]  # 1 through the first end-of-turn token
    logp: Float[Tensor, "B T"]  # nats, under the policy that sampled, over the whole vocabulary
    entropy: Float[Tensor, "B T"]  # nats
    owner: Int[Tensor, " B"]  # index of the prompt
    truncated: Float[Tensor, " B"]  # 1 where no end-of-turn token came within the limit
    gap: Float[Tensor, "B T"] | None = None  # where vLLM sampled: see rollout_gap.py; NaN on padding and added tokens

    def ids(self, row: int) -> tuple[int, ...]:
        """Token ids of one response, end-of-turn token included."""
        return tuple(self.tokens[row, : int(self.mask[row].sum())].tolist())

    def every_id(self) -> list[tuple[int, ...]]:
        """Token ids of all B responses."""
        return [self.ids(row) for row in range(len(self.mask))]


def taken(responses: Responses, rows: Int[Tensor, " R"]) -> Responses:
    """The given rows, cut to the longest of them; owners stay as they are."""
    length = max(1, int(responses.mask[rows].sum(1).max()))
    tokens, mask, logp, entropy = (
        values[rows, :length] for values in (responses.tokens, responses.mask, responses.logp, responses.entropy)
    )
    return Responses(tokens, mask, logp, entropy, responses.owner[rows], responses.truncated[rows])


def stacked(parts: Sequence[Responses]) -> Responses:
    """Parts put one below the other, padded to the longest response; ``owner`` goes on counting from part to part."""
    length = max(1, *(int(part.mask.sum(1).max()) for part in parts))

    def stack(name: str, filling: float = 0) -> Tensor:
        fitted = [getattr(part, name)[:, :length] for part in parts]
        return torch.cat([pad(values, (0, length - values.shape[1]), value=filling) for values in fitted])

    firsts = accumulate((int(part.owner.max()) + 1 for part in parts[:-1]), initial=0)
    owner = torch.cat([part.owner + first for part, first in zip(parts, firsts, strict=True)])
    truncated = torch.cat([part.truncated for part in parts])
    gap = None if any(part.gap is None for part in parts) else stack("gap", torch.nan)
    return Responses(stack("tokens"), stack("mask"), stack("logp"), stack("entropy"), owner, truncated, gap)


def token_texts(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> list[str]:
    """Return the text of each token alone, as the tokenizer's decoder writes it."""
    return tokenizer.batch_decode([[i] for i in ids], clean_up_tokenization_spaces=False)
