"""Sampling with vLLM: one seed per prompt, no special tokens in a response, log-probs to compare the policy's with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from methods.base import Method
from methods.engines.shared.rollout_gap import sampler_logp
from methods.shared.vllm import BIAS

ALL_TOKENS = -1  # vLLM's top_k for no limit
ASKED = {"logprobs": 0}  # of vLLM's sampling parameters: the log-prob of the sampled token and no others
TOLD, PLAIN = "rollout_log_probs", "plain_log_probs"  # columns (B, T): vLLM's and the policy's, at temperature 1
CURE = (
    "vLLM rolls out other weights than those that are trained: install the tested versions of peft and vllm "
    "(envs/easyr1.txt)"
)


class SeededEngine:
    """A vLLM engine whose requests each have a seed of their own.

    EasyR1 gives every prompt of every step the same seed, so all would draw the same numbers. Here prompt i of a step
    gets ``seed + i * samples``; vLLM counts on from there for its samples. i counts over all ranks, so that a rollout
    does not depend on how many there are.
    """

    def __init__(self, engine: Any, rank: int) -> None:  # noqa: ANN401 - vllm.LLM
        self.engine, self.rank = engine, rank
        self.logprobs: list[list[float]] | None = None  # of the last responses, in their order, if they were asked for

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
        completions = self.engine.generate(prompts=prompts, sampling_params=each, **options)
        self.logprobs = None
        if sampling_params.logprobs is not None:
            self.logprobs = [sampled_logprobs(one) for completion in completions for one in completion.outputs]
        return completions


class Telling:
    """EasyR1's ``generate_sequences`` with a further column: the log-probs that vLLM gave with the responses.

    The column is added before EasyR1 shares the responses out over the ranks that serve one vLLM.
    """

    def __init__(self, generate: Callable[..., Any], engine: SeededEngine) -> None:
        self.generate, self.engine = generate, engine

    def __call__(self, prompts: Any) -> Any:  # noqa: ANN401 - verl's DataProto
        """Column :data:`TOLD` (B, T) in nats, NaN where vLLM sampled nothing; only if log-probs were asked for."""
        output = self.generate(prompts=prompts)
        if self.engine.logprobs is not None:
            responses = output.batch["responses"]
            output.batch[TOLD] = sampler_logp(self.engine.logprobs, responses.shape[1]).to(responses.device)
        return output


def sampled_logprobs(output: Any) -> list[float]:  # noqa: ANN401 - vllm.CompletionOutput
    """Log-probs (nats) of the sampled tokens as vLLM's raw_logprobs are: temperature 1, no bias, no top-k, no top-p."""
    return [place[token].logprob for token, place in zip(output.token_ids, output.logprobs, strict=True)]


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
