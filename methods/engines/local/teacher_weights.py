"""Whose weights a pass uses: actor, fixed reference, exponential moving average or synced copy; folded where exact."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from methods.base import Weights
from methods.engines.local.policy import Policy

Adapter = dict[str, Tensor]


class TeacherWeights:
    """Keeps the adapters that ema and synced teachers need beside the actor's."""

    def __init__(self, policy: Policy, wanted: set[Weights]) -> None:
        self.policy = policy
        self.shadows: dict[Weights, Adapter] = {
            w: copy_adapter(policy) for w in sorted(wanted, key=str) if w.source in ("ema", "synced")
        }

    def start_step(self, step: int) -> None:
        """Before 0-based rollout ``step``: synced teachers copy the actor at 0, every, 2 * every, ..."""
        for weights in self.shadows:
            if weights.source == "synced" and step % weights.every == 0:
                self.shadows[weights] = copy_adapter(self.policy)

    def moved(self, tick: str) -> None:
        """After an optimizer ``update`` or a whole rollout ``step``: ema teachers follow the actor."""
        for weights, shadow in self.shadows.items():
            if weights.source == "ema" and weights.tick == tick:
                for name, parameter in self.policy.trainable.items():
                    shadow[name].lerp_(parameter.detach(), 1.0 - weights.decay)

    @contextmanager
    def using(self, weights: Weights) -> Iterator[None]:
        """Within this block the policy is the teacher's, without gradient."""
        with adapter_swapped(self.policy, self.shadows.get(weights)), frozen(self.policy, weights.source == "fixed"):
            yield


def copy_adapter(policy: Policy) -> Adapter:
    """A detached copy of the actor's LoRA tensors."""
    return {name: parameter.detach().clone() for name, parameter in policy.trainable.items()}


@contextmanager
def adapter_swapped(policy: Policy, adapter: Adapter | None) -> Iterator[None]:
    """Put ``adapter`` in place of the actor's tensors for a while; None leaves them."""
    if adapter is None:
        yield
        return
    kept = {name: parameter.data for name, parameter in policy.trainable.items()}
    try:
        for name, parameter in policy.trainable.items():
            parameter.data = adapter[name]
        yield
    finally:
        for name, parameter in policy.trainable.items():
            parameter.data = kept[name]


@contextmanager
def frozen(policy: Policy, without_adapter: bool = False) -> Iterator[None]:
    """No gradient; the adapter is off or, where that loses nothing, folded into the base weights."""
    with torch.no_grad():
        if policy.folding.applies(policy.device):
            with policy.folding.running(policy.folding.weights(not without_adapter)):
                yield
        elif without_adapter:
            with policy.model.disable_adapter():
                yield
        else:
            yield


@contextmanager
def learning(policy: Policy) -> Iterator[None]:
    """For the passes of one update, whose gradients reach the adapter by the end of the block."""
    if policy.folding.small and policy.folding.applies(policy.device):
        with policy.folding.learning():
            yield
    else:
        yield


def update_norm(policy: Policy) -> float:
    """Frobenius norm of the whole LoRA update, sqrt(sum over layers ||scale * B A||^2)."""
    with torch.no_grad():
        layers = policy.folding.layers
        squares = [layer.get_delta_weight("default").float().square().sum() for layer in layers]
    return float(torch.stack(squares).sum().sqrt())
