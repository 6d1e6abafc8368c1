"""One more token of every rollout, with the operations of transformers' Qwen3-VL and nothing around them.

Sampling goes token by token, and in a small model calling a module or an operation costs more than what it computes.
Here a layer's weights are looked up once for all tokens, cosines and sines of positions are computed once, and queries
and keys are normed and rotated together. Every product and every sum is the same as in transformers' layers
(modeling_qwen3_vl.py of transformers 5.23, and integrations/sdpa_attention.py, which lays the query heads that share
keys side by side), in the same order, so hidden states have the same bits; a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import embedding, linear, scaled_dot_product_attention, silu

from methods.engines.local.kv_cache import DecodingCache
from methods.engines.local.lora_folding import Product
from methods.engines.local.policy import Policy

Decode = Callable[[Tensor, int, DecodingCache, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class LayerWeights:
    """What one layer computes with: N norms, linear layers, and the norms of its query and key heads (heads, D)."""

    norm: Tensor
    query: Tensor
    key: Tensor
    value: Tensor
    out: Tensor
    heads_norm: Float[Tensor, "heads D"]
    mlp_norm: Tensor
    gate: Tensor
    up: Tensor
    down: Tensor


def decoder(policy: Policy, last: int) -> Decode:
    """A function like :meth:`Policy.decode`, to be used while the weights stay as they are. ``last``: position."""
    return PlainDecoder(policy, last) if fits(policy) else policy.decode


def fits(policy: Policy) -> bool:
    """Whether the model is one that :class:`PlainDecoder` computes: folded, in float32, on a CPU, with SDPA."""
    language, config = policy.language, policy.language.config
    return (
        policy.device.type == "cpu"
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and language.embed_tokens.weight.dtype == torch.float32
        and all(isinstance(layer.self_attn.q_proj, Product) for layer in language.layers)
        and config.hidden_act == "silu"
        and config._attn_implementation == "sdpa"
        and language.rotary_emb.rope_type == "default"
    )


class PlainDecoder:
    """The language model for one token of each of B rollouts."""

    def __init__(self, policy: Policy, last: int) -> None:
        language = policy.language
        attention = language.layers[0].self_attn
        self.head, self.scale, self.shared = attention.head_dim, attention.scaling, attention.num_key_value_groups
        self.layers = [_weights(layer) for layer in language.layers]
        self.embedding, self.norm = language.embed_tokens.weight, language.norm.weight
        self.epsilon = language.norm.variance_epsilon
        where = torch.arange(last + 1)[None].expand(3, 1, -1)
        cos, sin = language.rotary_emb(self.embedding, where)
        self.cos, self.half = cos[0], self.head // 2
        self.sin = torch.cat([-sin[0, :, : self.half], sin[0, :, self.half :]], dim=1)  # -x sin y = x (-sin y)

    def __call__(
        self, tokens: Int[Tensor, " B"], step: int, cache: DecodingCache, mask: Bool[Tensor, "B L"],
        start: Int[Tensor, " B"],
    ) -> Float[Tensor, "B hidden"]:  # fmt: skip
        """As :meth:`Policy.decode`."""
        rows = len(tokens)
        seen = torch.cat([mask, mask.new_ones((rows, step + 1))], dim=1)[:, None, None, :]
        cos, sin = (table[start + step][:, None] for table in (self.cos, self.sin))
        x = embedding(tokens, self.embedding)
        for place, layer in enumerate(self.layers):
            h = self._normed(x, layer.norm)
            both = torch.cat([linear(h, layer.query), linear(h, layer.key)], dim=1).view(rows, -1, self.head)
            both = self._normed(both, layer.heads_norm)
            both = both * cos + both.roll(self.half, -1) * sin
            value = linear(h, layer.value).view(rows, -1, 1, self.head)
            queries = both.shape[1] - value.shape[1]
            keys, values = cache.update(both[:, queries:, None], value, place)
            query = both[:, :queries].view(rows, -1, self.shared, self.head)
            read = scaled_dot_product_attention(query, keys, values, attn_mask=seen, scale=self.scale)
            x = x + linear(read.reshape(rows, -1), layer.out)
            h = self._normed(x, layer.mlp_norm)
            x = x + linear(silu(linear(h, layer.gate)) * linear(h, layer.up), layer.down)
        return self._normed(x, self.norm)

    def _normed(self, x: Float[Tensor, "... D"], weight: Float[Tensor, "... D"]) -> Float[Tensor, "... D"]:
        """RMS norm over the last dimension."""
        return weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon))


def _weights(layer: Any) -> LayerWeights:  # noqa: ANN401 - a layer of transformers' language model
    attention, mlp = layer.self_attn, layer.mlp
    counts = [
        attention.q_proj.weight.shape[0] // attention.head_dim,
        attention.k_proj.weight.shape[0] // attention.head_dim,
    ]
    norms = [
        norm.weight.expand(count, -1) for norm, count in zip((attention.q_norm, attention.k_norm), counts, strict=True)
    ]
    return LayerWeights(
        norm=layer.input_layernorm.weight,
        query=attention.q_proj.weight,
        key=attention.k_proj.weight,
        value=attention.v_proj.weight,
        out=attention.o_proj.weight,
        heads_norm=torch.cat(norms),
        mlp_norm=layer.post_attention_layernorm.weight,
        gate=mlp.gate_proj.weight,
        up=mlp.up_proj.weight,
        down=mlp.down_proj.weight,
    )
