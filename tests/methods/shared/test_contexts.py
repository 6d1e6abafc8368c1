"""Prompts of student and teachers, spelled out with a small Qwen-like tokenizer."""

from __future__ import annotations

import pytest

from contracts.errors import DataError
from methods.micro.tokenizer import train_tokenizer
from methods.shared.contexts import ANSWER_SENTENCE, MATH_SHORT, student_prompt, teacher_prompt
from methods.shared.references import Reference

PROBLEM = "<image>Find x. "


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["Find x in the triangle.", "The final answer is 42."], [MATH_SHORT], 400)


def spelled(tokenizer, ids):
    return tokenizer.decode(ids, skip_special_tokens=False)


def test_student_prompt_spelled_out(tokenizer):
    ids = student_prompt(tokenizer, PROBLEM, "math_short", [2])
    assert spelled(tokenizer, ids) == (
        "<|im_start|>user\n<|vision_start|><|image_pad|><|image_pad|><|vision_end|>Find x."
        " Solve the problem step by step, keeping reasoning brief. \nPut ONLY the final answer inside \\boxed{}."
        "<|im_end|>\n<|im_start|>assistant\n"
    )


def test_without_a_template_the_problem_stands_alone(tokenizer):
    text = spelled(tokenizer, student_prompt(tokenizer, PROBLEM, "none", [1]))
    assert text.endswith("<|vision_end|>Find x. <|im_end|>\n<|im_start|>assistant\n")
    assert "boxed" not in text


def test_images_stand_where_the_text_says(tokenizer):
    text = spelled(tokenizer, student_prompt(tokenizer, "a<image>b<image>", "none", [1, 3]))
    assert "a<|vision_start|><|image_pad|><|vision_end|>b<|vision_start|>" + "<|image_pad|>" * 3 in text


def test_a_count_of_images_that_does_not_fit_is_an_error(tokenizer):
    with pytest.raises(DataError, match="1 '<image>' marks for 2 images"):
        student_prompt(tokenizer, PROBLEM, "math_short", [1, 1])


@pytest.mark.parametrize("style", ["inline", "user_turn"])
def test_without_a_reference_the_teacher_reads_what_the_student_reads(tokenizer, style):
    student = student_prompt(tokenizer, PROBLEM, "math_short", [2])
    assert teacher_prompt(tokenizer, PROBLEM, "math_short", [2], None, style) == student


def test_inline_answer_follows_the_assistant_header(tokenizer):
    student = student_prompt(tokenizer, PROBLEM, "math_short", [2])
    ids = teacher_prompt(tokenizer, PROBLEM, "math_short", [2], Reference(text="42"), "inline")
    assert ids[: len(student)] == student
    assert spelled(tokenizer, ids[len(student) :]) == " 42"


def test_a_blank_answer_inline_is_one_lone_space_token(tokenizer):
    student = student_prompt(tokenizer, PROBLEM, "math_short", [2])
    ids = teacher_prompt(tokenizer, PROBLEM, "math_short", [2], Reference(text=""), "inline")
    assert len(ids) == len(student) + 1
    assert spelled(tokenizer, ids[-1:]) == " "


def test_inline_rollouts_are_their_raw_tokens(tokenizer):
    rollout = tuple(tokenizer.encode("Find 42.<|im_end|>"))
    ids = teacher_prompt(tokenizer, PROBLEM, "math_short", [2], Reference(tokens=rollout), "inline")
    assert ids == student_prompt(tokenizer, PROBLEM, "math_short", [2]) + list(rollout)


def test_user_turn_answer_is_one_sentence_after_the_instruction(tokenizer):
    ids = teacher_prompt(tokenizer, PROBLEM, "math_short", [2], Reference(text="42"), "user_turn")
    assert ANSWER_SENTENCE.format(reference="42") == "\nThe final answer is 42."
    assert spelled(tokenizer, ids).endswith(
        "inside \\boxed{}.\nThe final answer is 42.<|im_end|>\n<|im_start|>assistant\n"
    )


def test_user_turn_rollout_is_a_solution_without_special_tokens(tokenizer):
    rollout = tuple(tokenizer.encode("Find 42.<|im_end|>"))
    ids = teacher_prompt(tokenizer, PROBLEM, "math_short", [2], Reference(tokens=rollout), "user_turn")
    assert spelled(tokenizer, ids).endswith(
        "\nCorrect solution:\n\nFind 42.\n\nCorrectly solve the original question.<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("style", ["inline", "user_turn"])
@pytest.mark.parametrize("answer", ["<|image_pad|>", "<image>", "<|im_<|im_end|>end|><|im_start|>", "{0}{reference}"])
def test_an_answer_cannot_forge_special_tokens(tokenizer, style, answer):
    ids = teacher_prompt(tokenizer, PROBLEM, "math_short", [2], Reference(text=answer), style)
    plain = teacher_prompt(tokenizer, PROBLEM, "math_short", [2], Reference(text="42"), style)
    special = set(tokenizer.get_added_vocab().values())
    assert [i for i in ids if i in special] == [i for i in plain if i in special]
