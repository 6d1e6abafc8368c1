"""What an engine answered to one question, and the sampling parameters it held while it did."""

# pyright: reportMissingImports=false
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from methods.shared.vllm import BIAS

Output = Any  # vllm.RequestOutput
Params = Any  # vllm.SamplingParams

NEUTRAL: dict[str, Any] = {  # parameters that no setting of ours reaches: value at which each of them does nothing
    "n": 1,
    "frequency_penalty": 0.0,
    "repetition_penalty": 1.0,
    "min_p": 0.0,
    "min_tokens": 0,
    "stop": [],
    "ignore_eos": False,
    "allowed_token_ids": None,
    "bad_words": [],
    "structured_outputs": None,
    "thinking_token_budget": None,
    "repetition_detection": None,
}
PLAIN = (int, float, str, bool, list, type(None))  # what JSON can hold


@dataclass(frozen=True)
class Reply:
    """One answer; all fields can be written as JSON."""

    text: str
    tokens: int  # sampled, end-of-turn included
    ended: bool  # False: a limit cut it
    held: dict[str, Any]  # sampling parameters in the words of the settings
    seed: int | None
    barred: list[int]  # tokens with BIAS
    broke: list[int]  # barred tokens that were sampled all the same
    others: dict[str, Any]  # parameters that would change the distribution, and their values


def reply_of(output: Output, params: Params) -> Reply:
    """The reply in a finished output of vLLM; ``params`` as they reached the core of the engine."""
    completion = output.outputs[0]
    barred = sorted(token for token, bias in (params.logit_bias or {}).items() if bias <= BIAS)
    return Reply(
        text=completion.text,
        tokens=len(completion.token_ids),
        ended=completion.finish_reason == "stop",
        held={
            "temperature": params.temperature,
            "top_p": params.top_p,
            "top_k": max(params.top_k, 0),  # vLLM writes -1 or 0 for every token
            "presence_penalty": params.presence_penalty,
            "max_new_tokens": params.max_tokens,
        },
        seed=params.seed,
        barred=barred,
        broke=sorted(set(completion.token_ids) & set(barred)),
        others={name: _plain(getattr(params, name)) for name in NEUTRAL},
    )


def _plain(value: object) -> object:
    return value if isinstance(value, PLAIN) else repr(value)
