"""Leave problems whose prompt is too long out of training. The limit is the same in both engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from contracts.errors import DataError
from methods.base import Method
from methods.engines.shared.problems import Problem


def prompt_limit(method: Method) -> int:
    """Most tokens of a prompt: ``max_prompt``, or fewer, so that ``max_model_len`` leaves one for the response."""
    return min(method.max_prompt, method.max_model_len - 1) if method.max_model_len else method.max_prompt


def short_enough(problems: Sequence[Problem], method: Method, length: Callable[[Problem], int]) -> list[Problem]:
    """Return the problems whose prompt is within the limit; ``length`` counts its tokens. DataError if none is."""
    limit = prompt_limit(method)
    kept = [problem for problem in problems if length(problem) <= limit]
    if not kept:
        remedy = "raise max_prompt and max_model_len" if method.max_model_len else "raise max_prompt"
        raise DataError("options.max_prompt", f"every prompt is longer than {limit} tokens", remedy)
    return kept
