"""Read responses: the boxed answer, whether it is right, and the reward."""

from __future__ import annotations

from collections.abc import Sequence

from methods.base import Method
from methods.engines.local.policy import Policy
from methods.engines.shared.problems import Problem
from methods.shared.references import Member
from methods.shared.rewards import Grader, boxed_answer, reward


def read_members(
    policy: Policy, method: Method, grader: Grader, ids: Sequence[tuple[int, ...]], problems: Sequence[Problem]
) -> tuple[list[Member], int]:
    """Decode each response, find its boxed answer, grade it and give it a reward.

    ``ids``: the tokens of each response; ``problems``: the problem that it answers. Also returns how many answers the
    verifier could not grade; these count as wrong.
    """
    texts = policy.processor.tokenizer.batch_decode(ids, skip_special_tokens=True)
    boxed = [boxed_answer(text) for text in texts]
    verdicts = grader.grade(boxed, [p.answer for p in problems], method.grader)
    members = [
        Member(answer, right is True, reward(right is True, answer is not None, method.reward), tokens, text)
        for answer, right, tokens, text in zip(boxed, verdicts, ids, texts, strict=True)
    ]
    return members, verdicts.count(None)
