"""An adapter that does something: a fresh one is zero, and its log-probs are those of the base."""

from __future__ import annotations

import torch

from methods.engines.local.policy import Policy


def move_adapter(policy: Policy, scale: float = 0.05, seed: int = 1) -> None:
    """Add noise of this size to every tensor of the adapter, the same for a seed each time."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in policy.trainable.values():
        parameter.data.add_(torch.randn(parameter.shape, generator=generator) * scale)
