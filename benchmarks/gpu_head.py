"""Part ``head`` of gpu_check.py: the same hidden states through a head in float32 and in bfloat16."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from gpu_row import Row, watched

from methods.engines.easyr1.head import Head

BIG = (151936, 2560, 11000)  # Qwen3-VL-4B's vocabulary and width; tokens of a step's right and wrong rollouts
SMALL = (512, 32, 64)


def head_rows(device: str, small: bool) -> Iterator[Row]:
    """Seconds and peak memory of log-probs forward and backward, and how far the two precisions are apart."""
    vocabulary, hidden, tokens = SMALL if small else BIG
    generator = torch.Generator(device).manual_seed(0)

    def normal(*shape: int, scale: float) -> torch.Tensor:
        return (scale * torch.randn(shape, generator=generator, device=device)).bfloat16()

    weight, states = normal(vocabulary, hidden, scale=hidden**-0.5), normal(tokens, hidden, scale=3.0)
    chosen = torch.randint(vocabulary, (tokens,), generator=generator, device=device)
    exact = Head(weight.double(), "float32")
    exact.dtype = torch.float64
    rest = min(tokens, 256)
    truth = exact.logp(states[:rest].double(), chosen[:rest], 1.0)
    for name in ("float32", "bfloat16"):
        head, moved = Head(weight, name), states.clone().requires_grad_()
        with watched(device) as watch:
            logp = head.logp(moved, chosen, 1.0)
            logp.sum().backward()
        apart = (logp[:rest].detach().double() - truth).abs().mean()
        limit = 1e-4 if name == "float32" else None
        yield Row("head", name, watch, None, "mean error of a log-prob, nats", float(apart), limit)
