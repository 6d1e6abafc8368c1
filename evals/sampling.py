"""Sampling as vLLM does it, as processors for Hugging Face ``generate``: bar, penalise, temper, cut, draw.

Every sample has its own noise, so neither the batch it lands in nor the order of the batches changes its response, and
two models asked the same question with the same seed share the noise (common random numbers).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from contracts.records import OptionValue


def noise(seed: str, keys: Sequence[str], length: int) -> Float[Tensor, "B T"]:
    """Uniform numbers in [0, 1): row b depends on ``seed`` and ``keys[b]`` alone, column t decides token t."""
    words = [hashlib.sha256(f"evaluation/{seed}/{key}".encode()).digest() for key in keys]
    rows = [np.random.default_rng(list(word)).random(length) for word in words]
    return torch.from_numpy(np.stack(rows))


class PresencePenalty(LogitsProcessor):
    """Take ``penalty`` from the logit of every token that the response already holds, once, however often it occurs."""

    def __init__(self, penalty: float, prompt_length: int) -> None:
        self.penalty, self.prompt_length = penalty, prompt_length

    def __call__(self, input_ids: Int[Tensor, "B N"], scores: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
        """Penalised logits; prompt tokens do not count."""
        seen = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, input_ids[:, self.prompt_length :], True)
        return scores - self.penalty * seen


class Draw(LogitsProcessor):
    """Inverse-CDF sampling: keep the one token on which the sample's uniform number falls, so that argmax takes it."""

    def __init__(self, uniform: Float[Tensor, "B T"], prompt_length: int) -> None:
        self.uniform, self.prompt_length = uniform, prompt_length

    def __call__(self, input_ids: Int[Tensor, "B N"], scores: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
        """Zero for the drawn token, minus infinity for all others."""
        cumulative = torch.softmax(scores.double(), dim=-1).cumsum(dim=-1)
        step = input_ids.shape[1] - self.prompt_length
        total = cumulative[:, -1:]
        below = torch.nextafter(total, torch.zeros_like(total))  # rounding must not push the point past the last token
        point = torch.minimum(self.uniform[:, step, None] * total, below)
        drawn = torch.searchsorted(cumulative, point, right=True)
        return torch.full_like(scores, -torch.inf).scatter_(1, drawn, 0.0)


def sampler(
    settings: dict[str, OptionValue], barred: Sequence[int], uniform: Float[Tensor, "B T"], prompt_length: int
) -> LogitsProcessorList:
    """Processors for one batch, in vLLM's order: barred tokens, presence penalty, temperature, top-k, top-p, draw."""
    processors = LogitsProcessorList([SuppressTokensLogitsProcessor(list(barred), device=str(uniform.device))])
    if penalty := float(settings["presence_penalty"]):
        processors.append(PresencePenalty(penalty, prompt_length))
    if temperature := float(settings["temperature"]):
        processors.append(TemperatureLogitsWarper(temperature))
        if (top_k := int(settings["top_k"])) > 0:
            processors.append(TopKLogitsWarper(top_k))
        if (top_p := float(settings["top_p"])) < 1:
            processors.append(TopPLogitsWarper(top_p))
        processors.append(Draw(uniform, prompt_length))
    return processors
