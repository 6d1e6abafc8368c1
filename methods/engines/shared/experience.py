"""The experience of one rollout step, and the parts of making it that both engines share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from methods.base import Method, Rollouts, Teacher
from methods.engines.shared.prompts import Prompt, Vision, make_prompt
from methods.engines.shared.responses import Responses
from methods.shared import seeding
from methods.shared.advantage import group_advantage
from methods.shared.contexts import IMAGE_PAD, student_prompt, teacher_prompt
from methods.shared.references import Member, Reference


@dataclass(frozen=True)
class Experience:
    """The data of one rollout step: what its updates train on, and what its line in ``train.jsonl`` reports."""

    contexts: list[Prompt]  # the student's, one per rollout; rollouts of a group share one object
    responses: Responses
    members: list[Member]
    rollouts: Rollouts
    teacher_hidden: Float[Tensor, "B T hidden"]  # distribution matching in the local engine only, else empty
    grade_timeouts: int
    other_grader: int | None = None  # rewards that the other grader would change; None: not asked
    extra_tokens: int | None = None  # response tokens sampled besides those of the rollouts
    teacher_tokens: int | None = None  # response tokens that teachers have read; None: not counted
    # Right rollouts of a teacher that was shown a reference, in the student's contexts and with the teacher's hidden
    # states; None: the method did not ask, or there are none.
    privileged: Experience | None = None


def as_rollouts(
    method: Method, responses: Responses, reward: Float[Tensor, " B"], correct: Tensor, seed: int
) -> Rollouts:
    """The tensors that a method's hook sees, before any teacher has been asked; ``correct`` is (B,) bool."""
    return Rollouts(
        group=responses.owner,
        reward=reward,
        correct=correct,
        advantage=advantage_of(method, reward, responses, correct),
        tokens=responses.tokens,
        mask=responses.mask,
        logp={"student": responses.logp},
        has={},
        seed=seed,
        entropy=responses.entropy,
    )


def advantage_of(
    method: Method, reward: Float[Tensor, " B"], responses: Responses, correct: Tensor
) -> Float[Tensor, " B"]:
    """The group advantage of the reward as the method shapes it; ``correct`` is (B,) bool."""
    shaped = method.shaped_reward(reward, responses.mask.sum(1).long())
    return group_advantage(shaped, responses.owner, correct=correct if method.drop_all_wrong else None)


def choose_references(
    method: Method, teacher: Teacher, members: Sequence[Member], truths: Sequence[str], seed: int, step: int
) -> list[Reference | None]:
    """Return what ``teacher`` is shown for each rollout of 0-based ``step``; None where there is nothing to show.

    ``members`` come group after group; ``truths`` holds the ground truth of each group's problem.
    """
    generator, size = seeding.generator(seed, "reference", step), method.group_size
    chosen: list[Reference | None] = []
    for i, truth in enumerate(truths):
        others = [*truths[:i], *truths[i + 1 :]]
        chosen += teacher.choose(members[i * size : (i + 1) * size], truth, generator, others)
    return chosen


def teacher_context(
    tokenizer: PreTrainedTokenizerFast, method: Method, teacher: Teacher, text: str, visions: Sequence[Vision],
    reference: Reference | None,
) -> Prompt:  # fmt: skip
    """The prompt of a teacher: the reference written in, if there is one, and the image shown or not.

    Of ``visions`` only the grids decide the ids and positions, so EasyR1's driver gives them without features.
    """
    counts, template = [v.grid[0] * v.grid[1] for v in visions], method.prompt_template
    if reference is None:
        ids = student_prompt(tokenizer, text, template, counts)
    else:
        ids = teacher_prompt(tokenizer, text, template, counts, reference, teacher.style)
    image: int = tokenizer.convert_tokens_to_ids(IMAGE_PAD)  # pyright: ignore[reportAssignmentType] - one token, one id
    blind: int | None = None if teacher.image else tokenizer.pad_token_id  # pyright: ignore[reportAssignmentType]
    return make_prompt(ids, visions, image, teacher.positions, blind)
