"""The language-model head outside the model: compute log-probs and losses from hidden states, some tokens at a time.

The head is never trained, so one copy of its weight serves student and teachers during the run, and a teacher's
distributions can be kept as hidden states. The logits (tokens, V) exist for one chunk only; for the backward pass they
are computed again.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from methods.engines.shared.token_chunks import in_chunks

TOKENS_AT_ONCE = 1024  # 0.6 GB of float32 logits at a vocabulary of 152,000


class Head:
    """A frozen head. ``score_dtype`` is the precision of its matrix product (released code: bfloat16)."""

    def __init__(self, weight: Float[Tensor, "V hidden"], score_dtype: Literal["float32", "bfloat16"]) -> None:
        self.weight, self.dtype = weight.detach(), getattr(torch, score_dtype)

    def logits(self, hidden: Float[Tensor, "N hidden"]) -> Float[Tensor, "N V"]:
        """Return the logits in float32."""
        return torch.nn.functional.linear(hidden.to(self.dtype), self.weight.to(self.dtype)).float()

    def logp(
        self, hidden: Float[Tensor, "N hidden"], tokens: Int[Tensor, " N"], temperature: float
    ) -> Float[Tensor, " N"]:
        """Return the log-probs of ``tokens`` in nats at ``temperature``. Gradients flow to ``hidden``."""

        def of_chunk(part: Tensor, chosen: Tensor) -> Tensor:
            logits = self.logits(part) / temperature
            return logits.gather(1, chosen[:, None])[:, 0] - logits.logsumexp(-1)

        return in_chunks(of_chunk, TOKENS_AT_ONCE, hidden, tokens)

    def scores(
        self, hidden: Float[Tensor, "N hidden"], tokens: Int[Tensor, " N"], temperature: float
    ) -> Float[Tensor, "N 3"]:
        """Return log-probs of ``tokens``, entropies of their distributions, log-probs at temperature 1; all in nats."""

        def of_chunk(part: Tensor, chosen: Tensor) -> Tensor:
            logits, at = self.logits(part), chosen[:, None]
            logp = (logits / temperature).log_softmax(-1)
            own = logp.gather(1, at)[:, 0]
            plain = own if temperature == 1 else logits.gather(1, at)[:, 0] - logits.logsumexp(-1)
            return torch.stack([own, -(logp.exp() * logp).sum(-1), plain], dim=-1)

        return in_chunks(of_chunk, TOKENS_AT_ONCE, hidden, tokens)
