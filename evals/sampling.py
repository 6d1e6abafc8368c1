"""Sample in the same way as vLLM, with processors for Hugging Face ``generate``.

The steps are: barred tokens, presence penalty, temperature, top-k, top-p, and the draw of a token. Every sample has
random numbers of its own, so its response depends neither on its batch nor on the order of batches. Two models that
answer the same question with the same seed use the same random numbers (common random numbers).
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
    """Uniform numbers in [0, 1). Row b depends only on ``seed`` and ``keys[b]``; column t decides token t."""
    words = [hashlib.sha256(f"evaluation/{seed}/{key}".encode()).digest() for key in keys]
    rows = [np.random.default_rng(list(word)).random(length) for word in words]
    return torch.from_numpy(np.stack(rows))


class PresencePenalty(LogitsProcessor):
    """Subtract ``penalty`` once from the logit of each token that the response holds already."""

    def __init__(self, penalty: float, prompt_length: int) -> None:
        self.penalty, self.prompt_length = penalty, prompt_length

    def __call__(self, input_ids: Int[Tensor, "B N"], scores: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
        """Return the penalised logits. Tokens of the prompt do not count."""
        seen = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, input_ids[:, self.prompt_length :], True)
        return scores - self.penalty * seen


class Draw(LogitsProcessor):
    """Inverse-CDF sampling: only the token on which the uniform number falls is left, so that argmax returns it."""

    def __init__(self, uniform: Float[Tensor, "B T"], prompt_length: int) -> None:
        self.uniform, self.prompt_length = uniform, prompt_length

    def __call__(self, input_ids: Int[Tensor, "B N"], scores: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
        """Return 0 for the drawn token and minus infinity for all others."""
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
    """Return the processors for one batch, in the order in which vLLM applies them."""
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
