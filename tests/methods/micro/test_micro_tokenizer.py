"""The micro world's tokenizer, processor and chat template, saved and loaded as any Hugging Face model is."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, Qwen3VLForConditionalGeneration

from methods.micro.canvas import Canvas
from methods.micro.families.training import TRAINING
from methods.micro.formats import instructions
from methods.micro.model import IMAGE_TOKENS
from methods.micro.problems import draw_problems
from methods.micro.tokenizer import END, SPECIAL, TAGS
from methods.micro.vision import patches
from methods.shared.contexts import ANSWER_SENTENCE, student_prompt, teacher_prompt
from methods.shared.references import Reference


@pytest.fixture(scope="module")
def processor(tiny_base: Path):
    return AutoProcessor.from_pretrained(tiny_base)


@pytest.fixture(scope="module")
def tokenizer(processor):
    return processor.tokenizer


def encode(tokenizer, text: str) -> list[str]:
    return [tokenizer.decode([i]) for i in tokenizer.encode(text, add_special_tokens=False)]


@given(text=st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=60))
@settings(max_examples=50)
def test_any_text_survives_a_round_trip(tokenizer, text: str):
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_digits_stand_alone_and_a_hint_is_a_space_and_digits(tokenizer):
    assert encode(tokenizer, "180-47=133.\n") == ["1", "8", "0", "-", "4", "7", "=", "1", "3", "3", ".\n"]
    assert encode(tokenizer, " 42") == [" ", "4", "2"]


def test_sentences_of_the_micro_world_are_about_one_token_a_word(tokenizer):
    for problem in draw_problems(list(TRAINING.values()), "train", 20, 0):
        words = problem.question.replace(".", " .").split()
        assert len(encode(tokenizer, problem.question)) <= len(words) + 1


def test_instructions_and_tags_are_one_token_wherever_they_stand(tokenizer):
    for text in (*instructions(), *TAGS):
        assert encode(tokenizer, text) == [text]
        assert text in encode(tokenizer, f"x.{text}y")


def test_special_tokens_are_special_and_tags_are_text(tokenizer):
    assert set(SPECIAL) <= set(tokenizer.all_special_tokens)
    shown = tokenizer.decode(tokenizer.encode("<think>5</think><|im_end|>"), skip_special_tokens=True)
    assert shown == "<think>5</think>"
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", END)


def test_chat_template_by_hand(processor):
    turns = [
        {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Find x."}]},
        {"role": "assistant", "content": "5"},
        {"role": "user", "content": "Sure?"},
    ]
    assert processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>Find x.<|im_end|>\n"
        "<|im_start|>assistant\n5<|im_end|>\n<|im_start|>user\nSure?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_teacher_contexts_hold_the_answer_as_base_training_wrote_it(tokenizer):
    student = student_prompt(tokenizer, "<image>Find x.", "math_short", [IMAGE_TOKENS])
    shown = Reference(text="42")
    inline = teacher_prompt(tokenizer, "<image>Find x.", "math_short", [IMAGE_TOKENS], shown, "inline")
    assert inline == student + tokenizer.encode(" 42", add_special_tokens=False)
    told = tokenizer.decode(
        teacher_prompt(tokenizer, "<image>Find x.", "math_short", [IMAGE_TOKENS], shown, "user_turn")
    )
    assert told.endswith(f"{ANSWER_SENTENCE.format(reference=42)}<|im_end|>\n<|im_start|>assistant\n")


def test_a_diagram_is_sixteen_merged_tokens_and_the_processor_sees_our_patches(processor):
    problem = draw_problems(list(TRAINING.values()), "train", 1, 0)[0]
    image = problem.canvas.image.convert("RGB")
    made = processor(text=["<|vision_start|><|image_pad|><|vision_end|>Find x."], images=[image], return_tensors="pt")
    assert int((made["input_ids"] == processor.image_token_id).sum()) == IMAGE_TOKENS == 16
    assert made["image_grid_thw"].tolist() == [[1, 8, 8]]
    assert np.allclose(made["pixel_values"].numpy(), patches(problem.canvas), atol=1e-6)


@pytest.mark.parametrize("size", [(10, 10), (64, 640), (1000, 700)])
def test_images_of_other_sizes_are_resized_to_whole_merged_tokens(processor, size: tuple[int, int]):
    made = processor(
        text=["<|vision_start|><|image_pad|><|vision_end|>"], images=[Image.new("RGB", size)], return_tensors="pt"
    )
    tokens = int((made["input_ids"] == processor.image_token_id).sum())
    assert tokens == made["image_grid_thw"].prod().item() // 4
    assert 16 <= tokens <= 256


def test_loading_takes_none_of_our_code(tiny_base: Path):
    model = AutoModelForImageTextToText.from_pretrained(tiny_base, trust_remote_code=False)
    assert isinstance(model, Qwen3VLForConditionalGeneration)
    assert {path.suffix for path in tiny_base.iterdir()} <= {".json", ".safetensors", ".jinja"}
    tokenizer = AutoProcessor.from_pretrained(tiny_base).tokenizer
    assert model.generation_config.eos_token_id == tokenizer.convert_tokens_to_ids(["<|im_end|>", END])
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id
    assert model.config.text_config.vocab_size == len(tokenizer)


def test_generation_runs_and_padding_changes_nothing(tiny_base: Path, processor):
    model = AutoModelForImageTextToText.from_pretrained(tiny_base).eval()
    image = Canvas(Random(0)).image.convert("RGB")  # noqa: S311
    mark = "<|vision_start|><|image_pad|><|vision_end|>"
    texts = [f"{mark}Find x.", f"{mark}Find x in the triangle. Find x."]
    alone = processor(text=texts[:1], images=[image], return_tensors="pt")
    padded = processor(text=texts, images=[image, image], padding=True, return_tensors="pt")
    with torch.no_grad():
        assert torch.allclose(model(**alone).logits[0, -1], model(**padded).logits[0, -1], atol=1e-4)


def rows_of_real_benchmarks() -> list[str]:
    """Questions from parquet files under $REAL_BENCHMARKS, if set; their licences keep them out of here."""
    folder = os.environ.get("REAL_BENCHMARKS")
    files = sorted(Path(folder).glob("*/*.parquet")) if folder else []
    return [question for file in files for question in pq.read_table(file)["question"].to_pylist()]


@pytest.mark.skipif(not rows_of_real_benchmarks(), reason="set REAL_BENCHMARKS to a folder of <name>/<split>.parquet")
def test_rows_of_the_real_benchmarks_can_be_encoded(tokenizer):
    for question in rows_of_real_benchmarks():
        assert tokenizer.decode(tokenizer.encode(question, add_special_tokens=False)) == question
