"""A float32 policy run with W + scale * B A in the place of PEFT's LoRA layers: one product where those make three.

A bfloat16 base keeps its adapter apart: rounding the sum to bfloat16 would lose most of a small update (docs/audit.md,
merge before evaluation). The same holds under autocast.
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
    """A linear layer without bias whose weight may be any tensor."""

    weight: Weight

    def forward(self, x: Float[Tensor, "*B K"]) -> Float[Tensor, "*B N"]:
        """x W^T."""
        return linear(x, self.weight)


class Folding:
    """The LoRA layers of a model, and plain products that can stand in their places for a while."""

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
        """Whether a pass that begins now may be folded."""
        return self.exact and not torch.is_autocast_enabled(device.type)

    def weights(self, with_adapter: bool = True) -> list[Weight]:
        """The layers' weights with the adapter added, differentiable in it, or as they are in the base."""
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
        """Within this block the LoRA layers are at their places again, also inside :meth:`running`."""
        now = [getattr(parent, name) for parent, name, _ in self.places]
        self._put(self.layers)
        yield
        self._put(now)

    def _put(self, layers: Sequence[torch.nn.Module]) -> None:
        for (parent, name, _), layer in zip(self.places, layers, strict=True):
            setattr(parent, name, layer)

    @contextmanager
    def learning(self) -> Iterator[None]:
        """As :meth:`running` with the adapter; gradients of all passes in the block reach it when the block ends."""
        sums = self.weights()
        leaves = [weight.detach().requires_grad_() for weight in sums]
        with self.running(leaves):
            yield
        reached = [(weight, leaf.grad) for weight, leaf in zip(sums, leaves, strict=True) if leaf.grad is not None]
        if reached:
            torch.autograd.backward([weight for weight, _ in reached], [grad for _, grad in reached])
