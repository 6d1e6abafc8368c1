"""The clipped surrogate on which all credit methods train, and how the losses of tokens are averaged."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

LOG_RATIO_LIMIT = 20.0  # nats; keeps exp() and its gradient finite


def clipped_surrogate(
    logp: Float[Tensor, "B T"],
    logp_old: Float[Tensor, "B T"],
    credit: Float[Tensor, "B T"],
    clip_low: float,
    clip_high: float,
    dual_clip: float,
) -> tuple[Float[Tensor, "B T"], dict[str, Float[Tensor, "B T"]]]:
    """Per-token loss max(-A r, -A clip(r, 1 - clip_low, 1 + clip_high)) with r = exp(logp - logp_old).

    Where A < 0 the loss is capped at ``dual_clip * |A|``; 0 turns the cap off. Also returns 0/1 indicators of the
    tokens whose gradient each clip removes: ``clip_low`` and ``clip_high`` of r, and ``dual_clip``.
    Released code: verl/trainer/core_algos.py:613-644 of github.com/ahmedheakl/CEPO @7a9655d.
    """
    log_ratio = logp - logp_old
    ratio = torch.exp(log_ratio.clamp(-LOG_RATIO_LIMIT, LOG_RATIO_LIMIT))
    clipped = torch.exp(log_ratio.clamp(math.log1p(-clip_low), math.log1p(clip_high)))
    loss = torch.maximum(-credit * ratio, -credit * clipped)
    marks = {
        "clip_low": (credit < 0) & (ratio < clipped),
        "clip_high": (credit > 0) & (ratio > clipped),
        "dual_clip": torch.zeros_like(credit, dtype=torch.bool),
    }
    if dual_clip > 0:
        marks["dual_clip"] = (credit < 0) & (loss > -credit * dual_clip)
        loss = torch.where(credit < 0, torch.minimum(loss, -credit * dual_clip), loss)
    return loss, {name: mark.to(loss.dtype) for name, mark in marks.items()}


def selected(values: Float[Tensor, "B T"], mask: Float[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    """``values`` on response tokens, 0 on padding whatever stands there: a product would keep NaN (NaN * 0 is NaN)."""
    return values.where(mask.bool(), 0.0)


def token_weights(mask: Float[Tensor, "B T"], how: Literal["token", "sequence"]) -> Float[Tensor, "B T"]:
    """Weight of each token's loss in the mean of a mini-batch. They are computed before it is cut into chunks.

    ``token``: 1 / number of response tokens. ``sequence``: the mean over a response, then over the B responses (an
    empty one counts as 0). Released code: verl/workers/actor/dp_actor.py:346-347 (token).
    """
    if how == "token":
        return mask / mask.sum().clamp(min=1.0)
    return mask / mask.sum(dim=1, keepdim=True).clamp(min=1.0) / mask.shape[0]


def mean_over(
    loss: Float[Tensor, "B T"], mask: Float[Tensor, "B T"], how: Literal["token", "sequence"]
) -> Float[Tensor, ""]:
    """Mean loss of a mini-batch; see :func:`token_weights`."""
    return (selected(loss, mask) * token_weights(mask, how)).sum()
