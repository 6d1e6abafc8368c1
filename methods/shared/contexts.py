"""Contexts: the token ids of a student's and of a teacher's prompt, the same for both engines and for base training.

Released code @7a9655d: examples/format_prompt/math_short.jinja and verl/utils/dataset.py:159-183 (student),
verl/trainer/ray_trainer.py:641-668 (teacher: the reference is written after the assistant header, no delimiter).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, cast

from contracts.errors import DataError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from methods.shared.references import Reference

Template = Literal["math_short", "none"]
Style = Literal["inline", "user_turn"]

IMAGE_MARK = "<image>"  # stands for an image in a problem's text
IMAGE_PAD = "<|image_pad|>"  # one per merged vision patch, between <|vision_start|> and <|vision_end|>

# One space before and one after "brief." as in the released template.
MATH_SHORT = " Solve the problem step by step, keeping reasoning brief. \nPut ONLY the final answer inside \\boxed{}."
# The reference in the user turn, on its own line after the instruction. The paper gives no wording.
ANSWER_SENTENCE = "\nThe final answer is {reference}."
# Official SDPO: verl/trainer/config/actor/actor.yaml:127-142 of github.com/lasgroup/SDPO @0e6d510.
SOLUTION_SENTENCE = "\nCorrect solution:\n\n{reference}\n\nCorrectly solve the original question."


def student_prompt(
    tokenizer: PreTrainedTokenizerFast, problem: str, template: Template, image_tokens: Sequence[int]
) -> list[int]:
    """Ids of the student's prompt, ending in the assistant header.

    ``problem`` holds one "<image>" per entry of ``image_tokens``, the number of vision tokens of that image.
    Raises DataError if the two counts differ.
    """
    return _render(tokenizer, _user_text(problem, template), "", image_tokens)


def teacher_prompt(
    tokenizer: PreTrainedTokenizerFast,
    problem: str,
    template: Template,
    image_tokens: Sequence[int],
    reference: Reference | None,
    style: Style,
) -> list[int]:
    """Ids of a teacher's prompt: the student's with ``reference`` written in; the student's own if it is None.

    ``inline`` appends " " + answer, or a rollout's raw ids, after the assistant header (as released);
    ``user_turn`` adds one sentence to the user turn.
    """
    if reference is None:
        return student_prompt(tokenizer, problem, template, image_tokens)
    if style == "user_turn":
        return _render(tokenizer, _user_text(problem, template), _sentence(tokenizer, reference), image_tokens)
    shown = list(reference.tokens) if reference.tokens is not None else _encode(tokenizer, f" {reference.text}")
    return student_prompt(tokenizer, problem, template, image_tokens) + shown


def _user_text(problem: str, template: Template) -> str:
    return problem.strip() + MATH_SHORT if template == "math_short" else problem


def _sentence(tokenizer: PreTrainedTokenizerFast, reference: Reference) -> str:
    """Word the reference as one sentence of the user turn."""
    if reference.tokens is None:
        return ANSWER_SENTENCE.format(reference=reference.text)
    return SOLUTION_SENTENCE.format(reference=tokenizer.decode(list(reference.tokens), skip_special_tokens=True))


def _render(tokenizer: PreTrainedTokenizerFast, text: str, extra: str, image_tokens: Sequence[int]) -> list[int]:
    """Render one user turn with the chat template, and repeat each image token once per vision token of its image."""
    pieces = text.split(IMAGE_MARK)
    if len(pieces) - 1 != len(image_tokens):
        cause = f"{len(pieces) - 1} '{IMAGE_MARK}' marks for {len(image_tokens)} images"
        raise DataError(f"problem {text[:60]!r}", cause, "give the text one mark per image")
    content: list[dict[str, str]] = []
    for i, piece in enumerate([*pieces[:-1], pieces[-1] + extra]):
        content += [{"type": "image"}] * (i > 0)
        content += [{"type": "text", "text": _plain(tokenizer, piece)}] * (piece != "")
    turn = [{"role": "user", "content": content}]
    prompt = cast(str, tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True))
    return _expand(tokenizer, tokenizer.encode(prompt, add_special_tokens=False), image_tokens)


def _expand(tokenizer: PreTrainedTokenizerFast, ids: list[int], image_tokens: Sequence[int]) -> list[int]:
    """Repeat the i-th image token ``image_tokens[i]`` times."""
    image, counts = tokenizer.convert_tokens_to_ids(IMAGE_PAD), iter(image_tokens)
    return [token for one in ids for token in ([one] * next(counts) if one == image else [one])]


def _encode(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    return tokenizer.encode(_plain(tokenizer, text), add_special_tokens=False)


def _plain(tokenizer: PreTrainedTokenizerFast, text: str) -> str:
    """Break each special token that is spelled out in ``text`` by a space, so that an answer cannot forge an image."""
    for token in tokenizer.get_added_vocab():
        text = text.replace(token, f"{token[0]} {token[1:]}")
    return text
