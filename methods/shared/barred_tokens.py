"""Tokens that must not be sampled. They are the same in both engines, in vLLM and in the evaluation. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def barred_tokens(tokenizer: PreTrainedTokenizerBase, vocabulary: int, end_tokens: Sequence[int]) -> list[int]:
    """Sorted ids, below ``vocabulary`` rows of the embedding, that must not be sampled; ``end_tokens`` may be.

    Barred are special and vision tokens, because an image token without vision features breaks the next forward pass,
    and rows of the embedding that no token of the tokenizer names, because they stand for no text (Qwen3-VL pads its
    embedding with such rows).
    """
    special = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    unnamed = set(range(vocabulary)) - set(tokenizer.get_vocab().values())
    return sorted((special | set(tokenizer.all_special_ids) | unnamed) - set(end_tokens))
