"""Whose weights a pass uses: actor, fixed reference, exponential moving average or synced copy; folded where exact."""

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
    """The adapters that ema and synced teachers need beside the actor's."""

    def __init__(self, policy: Policy, wanted: set[Weights]) -> None:
        self.policy = policy
        super().__init__(wanted)

    def copy_actor(self) -> Adapter:
        """A detached copy of the actor's LoRA tensors."""
        return copy_adapter(self.policy)

    def follow_actor(self, shadow: Adapter, share: float) -> None:
        """Move every LoRA tensor of ``shadow`` by ``share`` of its distance to the actor's."""
        for name, parameter in self.policy.trainable.items():
            shadow[name].lerp_(parameter.detach(), share)

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
