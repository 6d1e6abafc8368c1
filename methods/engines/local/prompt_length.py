"""How long a problem's prompt is, cheaply where it is short for sure."""

from __future__ import annotations

from methods.base import Method
from methods.engines.local.policy import Policy
from methods.engines.shared.problems import Problem
from methods.shared.contexts import MATH_SHORT, student_prompt

CHAT_BYTES = 256  # more than the chat template adds around a problem


def prompt_length(policy: Policy, method: Method, problem: Problem, limit: int) -> int:
    """Tokens of the student's prompt, or an upper bound if that is within ``limit``: a token has at least a byte."""
    counts = policy.vision_tokens(problem.image_sizes())
    bound = len(problem.text.encode()) + len(MATH_SHORT.encode()) + CHAT_BYTES + sum(counts)
    if bound <= limit:
        return bound
    return len(student_prompt(policy.processor.tokenizer, problem.text, method.prompt_template, counts))
