"""How much GPU memory a bfloat16 policy takes at its peaks, computed from the shape of its language model.

An update keeps, for every token of its passes and every layer: the inputs of the seven adapted products in float32, as
PEFT converts them; the float32 copies inside of the norms; three products of the MLP, and queries, keys, values and
output of attention, in bfloat16. Logits exist for some tokens at a time (passes.LOGITS_AT_ONCE). Not counted: the
allocator's own waste, CUDA's context (about 1 GB), and a second copy of what is converted at the moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from methods.engines.local.passes import LOGITS_AT_ONCE

LOGIT_COPIES = {"credit": 4, "matching": 16}  # float32 tensors (tokens at once, V) that exist at the same time, at most
ADAPTED = 7  # products of a layer that have an adapter


@dataclass(frozen=True)
class TextShape:
    """The numbers of a language model that decide its memory."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> TextShape:
        """From the section ``text_config`` of a model's config.json."""
        return cls(
            hidden=config["hidden_size"],
            intermediate=config["intermediate_size"],
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            kv_heads=config["num_key_value_heads"],
            head_dim=config["head_dim"],
            vocabulary=config["vocab_size"],
        )

    @property
    def adapter_weights(self) -> int:
        """Weights of an adapter of rank 1 on every adapted product."""
        query, key = self.heads * self.head_dim, self.kv_heads * self.head_dim
        attention = (self.hidden + query) * 2 + (self.hidden + key) * 2
        return self.layers * (attention + 3 * (self.hidden + self.intermediate))


def kept_for_backward(shape: TextShape, rank: int) -> int:
    """Bytes that one layer keeps for the backward pass, for each token of a pass."""
    query, key = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    inputs = 5 * shape.hidden + query + shape.intermediate  # of q, k, v, gate, up; of o; of down
    norms = 2 * shape.hidden + query + key
    in_float32 = inputs + norms + ADAPTED * rank + shape.heads  # the last: a normaliser of each head's attention
    in_bfloat16 = 3 * shape.intermediate + 2 * query + 2 * key
    return 4 * in_float32 + 2 * in_bfloat16


def update_peak(
    shape: TextShape, weights: int, rank: int, responses: int, prompts: int, kind: str = "credit"
) -> dict[str, float]:
    """GB by part, and ``total``, while an update runs one pass.

    ``weights``: bytes of the frozen model; ``responses`` and ``prompts``: tokens of the pass, padding included;
    ``kind``: of the loss, see :data:`LOGIT_COPIES`.
    """
    tokens = responses + prompts
    logits = min(LOGITS_AT_ONCE, responses * shape.vocabulary)
    parts = {
        "weights": weights,
        "head in float32": 4 * shape.vocabulary * shape.hidden,
        "adapter, gradient, moments": 16 * rank * shape.adapter_weights,
        "kept for backward": tokens * shape.layers * kept_for_backward(shape, rank),
        "logits": 4 * logits * LOGIT_COPIES[kind],
    }
    return _in_gb(parts)


def sampling_peak(shape: TextShape, weights: int, rollouts: int, tokens: int) -> dict[str, float]:
    """GB by part, and ``total``, while ``rollouts`` of ``tokens`` (prompt and response) are sampled side by side."""
    parts = {
        "weights": weights,
        "head in float32": 4 * shape.vocabulary * shape.hidden,
        "keys and values": 2 * 2 * rollouts * tokens * shape.layers * shape.kv_heads * shape.head_dim,
        "logits": 4 * rollouts * shape.vocabulary * LOGIT_COPIES["credit"],
    }
    return _in_gb(parts)


def _in_gb(parts: Mapping[str, int]) -> dict[str, float]:
    return {name: size / 1e9 for name, size in parts.items()} | {"total": sum(parts.values()) / 1e9}
