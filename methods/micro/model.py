"""Tiny Qwen3-VL models of transformers' own classes, with a processor, saved as any Hugging Face model is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2VLImageProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from methods.micro.canvas import CELLS, PATCH, SIZE
from methods.micro.settings import ModelShape
from methods.micro.tokenizer import END

HEAD = 32  # dimensions per attention head
MERGE = 2  # patches per side of a merged vision token
FRAMES = 2  # temporal patch size, as Qwen's: a still image is repeated
IMAGE_TOKENS = (CELLS // MERGE) ** 2
CONTEXT = 4096  # tokens


def build_processor(tokenizer: PreTrainedTokenizerFast) -> Qwen3VLProcessor:
    """Turns a 64 x 64 diagram into 16 merged vision tokens; larger images into proportionally more, up to 256."""
    patches: dict[str, Any] = {"patch_size": PATCH, "temporal_patch_size": FRAMES, "merge_size": MERGE}
    scaling: dict[str, Any] = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    size = {"shortest_edge": SIZE * SIZE, "longest_edge": 16 * SIZE * SIZE}
    return Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=size, **patches, **scaling),
        video_processor=Qwen3VLVideoProcessor(size=size, **patches, **scaling),
        tokenizer=tokenizer,
        chat_template=tokenizer.chat_template,
    )


def build_config(shape: ModelShape, tokenizer: PreTrainedTokenizerFast) -> Qwen3VLConfig:
    """The architecture of one scale; vision features enter at the input and, DeepStack, after the first layer."""
    ids: dict[str, Any] = {t: tokenizer.convert_tokens_to_ids(t) for t in tokenizer.get_added_vocab()}
    heads = shape.hidden // HEAD
    return Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": shape.hidden,
            "intermediate_size": shape.intermediate,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": heads,
            "num_key_value_heads": max(1, heads // 2),
            "head_dim": HEAD,
            "max_position_embeddings": CONTEXT,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [8, 4, 4],
                "mrope_interleaved": True,
            },
            "tie_word_embeddings": True,
            "bos_token_id": ids[END],
            "eos_token_id": ids["<|im_end|>"],
            "pad_token_id": ids[END],
        },
        vision_config={
            "depth": shape.vision_depth,
            "hidden_size": shape.vision_hidden,
            "intermediate_size": 2 * shape.vision_hidden,
            "num_heads": shape.vision_hidden // HEAD,
            "patch_size": PATCH,
            "temporal_patch_size": FRAMES,
            "spatial_merge_size": MERGE,
            "out_hidden_size": shape.hidden,
            "num_position_embeddings": CELLS * CELLS,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )


def build_model(shape: ModelShape, tokenizer: PreTrainedTokenizerFast, seed: int) -> Qwen3VLForConditionalGeneration:
    """A randomly initialised model in float32; the global torch generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen3VLForConditionalGeneration(build_config(shape, tokenizer))
    ends: Any = tokenizer.convert_tokens_to_ids(["<|im_end|>", END])
    model.generation_config.eos_token_id = ends
    model.generation_config.pad_token_id = ends[1]
    return model


def save(model: Qwen3VLForConditionalGeneration, processor: Qwen3VLProcessor, folder: Path) -> None:
    """Writes model and processor to one folder, in safetensors."""
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
