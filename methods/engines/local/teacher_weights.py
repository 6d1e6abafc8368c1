"""With whose weights a pass runs: the actor's, the base model's, a moving average or a copy of the actor's.

The adapter is folded into the base weights where that loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from methods.base import Weights
from methods.engines.local.policy import Policy
from methods.engines.shared.teacher_schedule import TeacherSchedule

Adapter = dict[str, Tensor]


class AdapterTeachers(TeacherSchedule[Adapter]):
    """Keeps the adapters of ema and synced teachers beside the actor's."""

    def __init__(self, policy: Policy, wanted: set[Weights]) -> None:
        self.policy = policy
        super().__init__(wanted)

    def copy_actor(self) -> Adapter:
        """Return a detached copy of the actor's LoRA tensors."""
        return copy_adapter(self.policy)

    def follow_actor(self, shadow: Adapter, share: float) -> None:
        """Move every LoRA tensor of ``shadow`` by ``share`` of its distance to the actor's."""
        for name, parameter in self.policy.trainable.items():
            shadow[name].lerp_(parameter.detach(), share)

    @contextmanager
    def using(self, weights: Weights) -> Iterator[None]:
        """Within this block the policy has the teacher's weights, and no gradient is computed."""
        with adapter_swapped(self.policy, self.shadows.get(weights)), frozen(self.policy, weights.source == "fixed"):
            yield

    @contextmanager
    def sampling(self, weights: Weights) -> Iterator[None]:
        """Like :meth:`using`, with the weights in the adapter whatever they are, so that any sampler can read them.

        The base model's own weights are an adapter of zeros.
        """
        shadow = self.shadows.get(weights)
        if weights.source == "fixed":
            shadow = {name: torch.zeros_like(one) for name, one in self.policy.trainable.items()}
        with adapter_swapped(self.policy, shadow), frozen(self.policy):
            yield


def copy_adapter(policy: Policy) -> Adapter:
    """A detached copy of the actor's LoRA tensors."""
    return {name: parameter.detach().clone() for name, parameter in policy.trainable.items()}


@contextmanager
def adapter_swapped(policy: Policy, adapter: Adapter | None) -> Iterator[None]:
    """Within this block ``adapter`` replaces the actor's tensors; with None they stay."""
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
    """Within this block no gradient is computed. The adapter is off, or folded in where that loses nothing."""
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
    """Run the passes of one update in this block; when it ends, the adapter has their gradients."""
    if policy.folding.small and policy.folding.applies(policy.device):
        with policy.folding.learning():
            yield
    else:
        yield


def update_norm(policy: Policy) -> float:
    """Frobenius norm of the LoRA update of all layers, sqrt(sum over layers ||scale * B A||^2)."""
    with torch.no_grad():
        layers = policy.folding.layers
        squares = [layer.get_delta_weight("default").float().square().sum() for layer in layers]
    return float(torch.stack(squares).sum().sqrt())
