"""Decoding that drops ended rows, against transformers' own ``generate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from torch import Tensor
from transformers import AutoModelForImageTextToText, AutoProcessor, LogitsProcessorList

from evals.decoding import decode
from evals.sampling import noise, sampler

SETTINGS = {"temperature": 1.0, "top_p": 1.0, "top_k": 40, "presence_penalty": 0.5}
LIMIT = 24


@pytest.fixture(scope="module")
def model(tiny_base: Path) -> Any:
    return AutoModelForImageTextToText.from_pretrained(tiny_base, dtype=torch.float32).eval()


def prompts(base: Path, images: bool) -> tuple[dict[str, Tensor], int]:
    """Six questions of different lengths as a padded batch, and the padding token."""
    processor = AutoProcessor.from_pretrained(base)
    processor.tokenizer.padding_side = "left"
    texts = []
    for number in range(6):
        words = [{"type": "text", "text": "Find x. " * (1 + number)}]
        content = ([{"type": "image"}] if images else []) + words
        texts.append(
            processor.apply_chat_template(
                [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
            )
        )
    drawn = [Image.new("RGB", (64, 64), (40 * number, 90, 200)) for number in range(6)] if images else None
    inputs = processor(text=texts, images=drawn, padding=True, return_tensors="pt")
    return dict(inputs), processor.tokenizer.pad_token_id


@pytest.mark.parametrize("images", [True, False])
@pytest.mark.parametrize("adapter", [False, True])
def test_rows_that_end_early_leave_the_others_as_generate_makes_them(
    model: Any, tiny_base: Path, images: bool, adapter: bool
):
    inputs, pad = prompts(tiny_base, images)
    barred = [pad, *model.generation_config.eos_token_id]
    used = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"])) if adapter else model
    length, uniform = inputs["input_ids"].shape[1], noise("1", [str(row) for row in range(6)], LIMIT)

    def processors(rows: Tensor) -> LogitsProcessorList:
        return sampler(SETTINGS, barred, uniform[rows], length)

    expected = used.generate(
        **inputs,
        do_sample=False,
        max_new_tokens=LIMIT,
        logits_processor=processors(torch.arange(6)),
    )[:, length:]
    ends = expected[torch.arange(5), torch.tensor([0, 2, 5, 9, 14])].tolist()  # all rows but perhaps the last end early
    ours = decode(used, inputs, LIMIT, ends, pad, processors)
    stops = [next((i for i, token in enumerate(row) if token in ends), LIMIT - 1) + 1 for row in expected.tolist()]
    assert len(set(stops)) >= 3
    assert ours.shape == (6, max(stops))
    for row, end in enumerate(stops):
        assert ours[row, :end].tolist() == expected[row, :end].tolist()
        assert set(ours[row, end:].tolist()) <= {pad}
    if adapter:
        used.unload()
