"""Problems whose prompt is too long are left out of training, by the same limit in both engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from contracts.errors import DataError
from methods.base import Method
from methods.engines.shared.problems import Problem


def prompt_limit(method: Method) -> int:
    """Most tokens a prompt may have: ``max_prompt``, and one token of ``max_model_len`` is left for the response."""
    return min(method.max_prompt, method.max_model_len - 1) if method.max_model_len else method.max_prompt


def short_enough(problems: Sequence[Problem], method: Method, length: Callable[[Problem], int]) -> list[Problem]:
    """Problems whose prompt, of ``length`` tokens, is within the limit; DataError if none is."""
    limit = prompt_limit(method)
    kept = [problem for problem in problems if length(problem) <= limit]
    if not kept:
        remedy = "raise max_prompt and max_model_len" if method.max_model_len else "raise max_prompt"
        raise DataError("options.max_prompt", f"every prompt is longer than {limit} tokens", remedy)
    return kept
