"""A small byte-level BPE tokenizer with Qwen's chat and vision tokens, digits one by one.

Text of the micro world is about one token a word; any other text can be encoded too, down to bytes. The instructions
that every prompt of a format repeats are one word, so one token each: they would be half of every context otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

END = "<|endoftext|>"
SPECIAL = (
    END,
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
TAGS = ("<think>", "</think>", "<answer>", "</answer>")
# As in Qwen2's tokenizer: words with their leading space, digits one by one, punctuation, line breaks.
WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# Behaves like Qwen3-VL-Instruct's template for system, user and assistant turns with images; no tools.
CHAT_TEMPLATE = """\
{%- macro render(content) -%}
    {%- if content is string -%}
        {{- content -}}
    {%- else -%}
        {%- for part in content -%}
            {%- if part.type == 'image' or 'image' in part or 'image_url' in part -%}
                {{- '<|vision_start|><|image_pad|><|vision_end|>' -}}
            {%- elif part.type == 'video' or 'video' in part -%}
                {{- '<|vision_start|><|video_pad|><|vision_end|>' -}}
            {%- elif 'text' in part -%}
                {{- part.text -}}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro -%}
{%- for message in messages -%}
    {%- if message.role in ('user', 'assistant') or (message.role == 'system' and loop.first) -%}
        {{- '<|im_start|>' + message.role + '\\n' + render(message.content) + '<|im_end|>\\n' -}}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|im_start|>assistant\\n' -}}
{%- endif -%}
"""


def either(whole: Sequence[str]) -> str:
    """Pattern that matches any of ``whole``, the longest first."""
    return "|".join(re.escape(text) for text in sorted(whole, key=len, reverse=True))


def split_words(whole: Sequence[str]) -> pre_tokenizers.PreTokenizer:
    """Cuts text into words in UTF-8 bytes; each of ``whole`` is one word, wherever it stands."""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(either(whole)), "isolated"),
            pre_tokenizers.Split(Regex(f"{either(whole)}|{WORDS}"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def train_bpe(texts: Iterable[str], whole: Sequence[str], limit: int) -> Tokenizer:
    """BPE of at most ``limit`` entries learned from ``texts``, and one more entry for each of ``whole``."""
    trainer = trainers.BpeTrainer(
        vocab_size=limit,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(either(whole)), "removed"), split_words(whole)]
    )
    learned.train_from_iterator(texts, trainer)
    model = json.loads(learned.to_str())["model"]
    vocabulary, merges = model["vocab"], [tuple(pair) for pair in model["merges"]]
    for text in whole:
        ((word, _),) = split_words(whole).pre_tokenize_str(text)
        vocabulary[word] = len(vocabulary)
    # ignore_merges: a word that is an entry is that token, without merges that lead to it.
    bpe = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=True))
    bpe.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in SPECIAL])
    bpe.pre_tokenizer = split_words(whole)
    bpe.decoder = decoders.ByteLevel()
    return bpe


def train_tokenizer(texts: Iterable[str], instructions: Sequence[str], limit: int) -> PreTrainedTokenizerFast:
    """The tokenizer of :func:`train_bpe` with Qwen's chat template, special tokens and thinking tags."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=train_bpe(texts, [*instructions, *TAGS], limit),
        eos_token="<|im_end|>",  # noqa: S106 - a token of text
        pad_token=END,
        additional_special_tokens=[t for t in SPECIAL if t not in (END, "<|im_end|>")],
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=32768,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
