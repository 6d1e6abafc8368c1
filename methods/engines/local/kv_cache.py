"""Stores of attention keys and values, so that the rollouts of a group share one pass over their prompt.

transformers' attention layers only call ``update(keys, values, layer_idx)`` of the cache they are given, so these
classes implement that call. Shapes: prompts P, rollouts B, key/value heads H, prompt tokens L, response tokens T, head
size D.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

KeyValue = tuple[Tensor, Tensor]


class PromptCache:
    """Remembers the keys and values of a pass over P prompts."""

    def __init__(self) -> None:
        self.layers: list[KeyValue] = []

    def update(
        self, keys: Float[Tensor, "P H L D"], values: Float[Tensor, "P H L D"], layer_idx: int, *_: object
    ) -> KeyValue:
        """Store the keys and values of one layer. Layers are given in order."""
        if layer_idx != len(self.layers):
            raise ValueError(f"layer {layer_idx} arrived after {len(self.layers)} layers")
        self.layers.append((keys, values))
        return keys, values


class ScoringCache:
    """Joins each rollout's prompt and response, for one pass over complete responses. Gradients flow through it."""

    def __init__(self, prompts: PromptCache, owner: Int[Tensor, " B"]) -> None:
        self.prompts, self.owner = prompts, owner

    def update(
        self, keys: Float[Tensor, "B H T D"], values: Float[Tensor, "B H T D"], layer_idx: int, *_: object
    ) -> KeyValue:
        """Return the keys and values of prompt and response together, (B, H, L + T, D)."""
        prompt_keys, prompt_values = self.prompts.layers[layer_idx]
        return (
            torch.cat([prompt_keys.index_select(0, self.owner), keys], dim=2),
            torch.cat([prompt_values.index_select(0, self.owner), values], dim=2),
        )


class DecodingCache:
    """Holds prompt and response so far of B rollouts that are being sampled, in buffers that are allocated once."""

    def __init__(self, prompts: PromptCache, owner: Int[Tensor, " B"], room: int) -> None:
        self.length = prompts.layers[0][0].shape[2]
        self.layers = [
            (self._buffer(keys, owner, room), self._buffer(values, owner, room)) for keys, values in prompts.layers
        ]

    @staticmethod
    def _buffer(prompt: Float[Tensor, "P H L D"], owner: Int[Tensor, " B"], room: int) -> Float[Tensor, "B H R D"]:
        expanded = prompt.index_select(0, owner)
        return torch.cat([expanded, expanded.new_zeros((*expanded.shape[:2], room, expanded.shape[3]))], dim=2)

    def update(
        self, keys: Float[Tensor, "B H 1 D"], values: Float[Tensor, "B H 1 D"], layer_idx: int, *_: object
    ) -> KeyValue:
        """Append one token in place. The call of the last layer moves the position of the next token."""
        stored_keys, stored_values = self.layers[layer_idx]
        end = self.length + 1
        stored_keys[:, :, self.length : end] = keys
        stored_values[:, :, self.length : end] = values
        if layer_idx == len(self.layers) - 1:
            self.length = end
        return stored_keys[:, :, :end], stored_values[:, :, :end]

    def keep(self, rows: Int[Tensor, " K"]) -> None:
        """Keep the rollouts ``rows`` and remove all others."""
        self.layers = [(keys.index_select(0, rows), values.index_select(0, rows)) for keys, values in self.layers]
