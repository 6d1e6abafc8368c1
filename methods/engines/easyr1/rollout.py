"""Sampling with vLLM: one seed per prompt, and no special tokens in a response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from methods.base import Method
from methods.shared.vllm import BIAS

ALL_TOKENS = -1  # vLLM's top_k for no limit


class SeededEngine:
    """A vLLM engine whose requests each have a seed of their own.

    EasyR1 gives every prompt of every step the same seed, so all would draw the same numbers. Here prompt i of a step
    gets ``seed + i * samples``; vLLM counts on from there for its samples. i counts over all ranks, so that a rollout
    does not depend on how many there are.
    """

    def __init__(self, engine: Any, rank: int) -> None:  # noqa: ANN401 - vllm.LLM
        self.engine, self.rank = engine, rank

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self.engine, name)

    def generate(self, prompts: Sequence[Any], sampling_params: Any, **options: Any) -> Any:  # noqa: ANN401
        """As vLLM's, with one SamplingParams per prompt."""
        first = self.rank * len(prompts)
        each = []
        for i in range(len(prompts)):
            params = sampling_params.clone()
            params.seed = sampling_params.seed + (first + i) * sampling_params.n
            each.append(params)
        return self.engine.generate(prompts=prompts, sampling_params=each, **options)


def logit_bias(barred: Sequence[int]) -> dict[int, float]:
    """vLLM's logit bias that keeps ``barred`` tokens out of responses: a sampled image token breaks the next pass."""
    return dict.fromkeys(barred, BIAS)


def rollout_sampling(method: Method) -> dict[str, Any]:
    """vLLM's sampling parameters of the rollouts, as the method's options say."""
    top_k = method.rollout_top_k or ALL_TOKENS
    return {"temperature": method.temperature, "top_p": method.rollout_top_p, "top_k": top_k}


def validation_sampling(method: Method) -> dict[str, Any]:
    """What replaces these parameters when validation problems are answered. There is no top-k then."""
    temperature = method.validation_temperature or method.temperature
    return {"temperature": temperature, "top_p": method.validation_top_p, "top_k": ALL_TOKENS}
