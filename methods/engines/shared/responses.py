"""Responses of one rollout step as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Responses:
    """B responses, right-padded to the longest; padding is 0 in every field."""

    tokens: Int[Tensor, "B T"]
    mask: Float[Tensor, "B T"]  # 1 through the first end-of-turn token
    logp: Float[Tensor, "B T"]  # nats, under the policy that sampled, over the whole vocabulary
    entropy: Float[Tensor, "B T"]  # nats
    owner: Int[Tensor, " B"]  # index of the prompt
    truncated: Float[Tensor, " B"]  # 1 where no end-of-turn token came within the limit

    def ids(self, row: int) -> tuple[int, ...]:
        """Token ids of one response, end-of-turn token included."""
        return tuple(self.tokens[row, : int(self.mask[row].sum())].tolist())


def token_texts(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> list[str]:
    """Return the text of each token alone, as the tokenizer's decoder writes it."""
    return tokenizer.batch_decode([[i] for i in ids], clean_up_tokenization_spaces=False)
