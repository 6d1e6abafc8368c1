"""Tokens that must not be sampled: special ones, and rows of the embedding that no token names."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoConfig, AutoTokenizer

from methods.shared.barred_tokens import barred_tokens


def test_rows_without_a_token_and_special_tokens_are_barred_but_ends_are_not(tiny_base: Path):
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    special = set(tokenizer.all_special_ids)
    ends = [tokenizer.eos_token_id]
    padded = barred_tokens(tokenizer, len(tokenizer) + 3, ends)
    assert padded == sorted(padded)
    assert set(padded) == (special | {len(tokenizer) + i for i in range(3)}) - set(ends)


def test_micro_models_have_no_row_without_a_token(tiny_base: Path):
    vocabulary = AutoConfig.from_pretrained(tiny_base).get_text_config().vocab_size
    assert vocabulary == len(AutoTokenizer.from_pretrained(tiny_base))
