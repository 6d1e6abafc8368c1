"""Run a float32 policy with W + scale * B A in place of PEFT's LoRA layers: one matrix product instead of three.

This is not done for a bfloat16 base or under autocast: rounding the sum to bfloat16 would lose most of a small update
(docs/audit.md, merge before evaluation).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from peft.tuners.lora import LoraLayer
from torch import Tensor
from torch.nn.functional import linear

LARGEST = 50_000_000  # weights; the gradient of a folded layer is as large as the layer, that of its adapter is not

Weight = Float[Tensor, "N K"]


class Product(torch.nn.Module):
    """A linear layer without bias. Its weight may be any tensor, also one that is the result of a computation."""

    weight: Weight

    def forward(self, x: Float[Tensor, "*B K"]) -> Float[Tensor, "*B N"]:
        """Return x W^T."""
        return linear(x, self.weight)


class Folding:
    """Replaces the LoRA layers of a model by plain linear layers within a block."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.places = [
            (parent, name, Product())
            for parent in model.modules()
            for name, child in parent.named_children()
            if isinstance(child, LoraLayer)
        ]
        self.layers: list[Any] = [getattr(parent, name) for parent, name, _ in self.places]
        bases = [layer.get_base_layer() for layer in self.layers]
        self.exact = all(base.weight.dtype == torch.float32 and base.bias is None for base in bases)
        self.small = sum(base.weight.numel() for base in bases) <= LARGEST

    def applies(self, device: torch.device) -> bool:
        """Whether folding loses nothing for a pass that begins now."""
        return self.exact and not torch.is_autocast_enabled(device.type)

    def weights(self, with_adapter: bool = True) -> list[Weight]:
        """Weights of the layers with the adapter added, through which gradients reach it; or those of the base."""
        bases = [layer.get_base_layer().weight.detach() for layer in self.layers]
        if not with_adapter:
            return bases
        return [base + layer.get_delta_weight("default") for base, layer in zip(bases, self.layers, strict=True)]

    @contextmanager
    def running(self, weights: Sequence[Weight]) -> Iterator[None]:
        """Within this block the model computes with ``weights``, in the order of :meth:`weights`."""
        try:
            for (_, _, product), weight in zip(self.places, weights, strict=True):
                product.weight = weight
            self._put([product for _, _, product in self.places])
            yield
        finally:
            self._put(self.layers)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Within this block the model has its LoRA layers, even if the block lies inside :meth:`running`."""
        now = [getattr(parent, name) for parent, name, _ in self.places]
        self._put(self.layers)
        yield
        self._put(now)

    def _put(self, layers: Sequence[torch.nn.Module]) -> None:
        for (parent, name, _), layer in zip(self.places, layers, strict=True):
            setattr(parent, name, layer)

    @contextmanager
    def learning(self) -> Iterator[None]:
        """Like :meth:`running` with the adapter. The gradients of all passes reach it when the block ends."""
        sums = self.weights()
        leaves = [weight.detach().requires_grad_() for weight in sums]
        with self.running(leaves):
            yield
        reached = [(weight, leaf.grad) for weight, leaf in zip(sums, leaves, strict=True) if leaf.grad is not None]
        if reached:
            torch.autograd.backward([weight for weight, _ in reached], [grad for _, grad in reached])
