"""Credit: how the advantage of a rollout is distributed over its tokens (RLSD and CEPO, arXiv:2605.19436 section 3)."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from methods.shared.surrogate import selected

EXPONENT_LIMIT = 20.0  # nats; keeps exp() finite (released code: verl/trainer/core_algos.py:370)


def uniform_credit(advantage: Float[Tensor, " B"], mask: Float[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    """GRPO: every response token gets the advantage of its rollout."""
    return selected(advantage[:, None].expand_as(mask), mask)


def token_weight(advantage: Float[Tensor, " B"], evidence: Float[Tensor, "B T"], eps: float) -> Float[Tensor, "B T"]:
    """clip(exp(sign(A) * evidence), 1 - eps, 1 + eps): above 1 where a token gets more than A; 1 where A is 0."""
    return _unclipped_weight(advantage, evidence).clamp(1.0 - eps, 1.0 + eps)


@torch.no_grad()
def token_credit(
    advantage: Float[Tensor, " B"],
    evidence: Float[Tensor, "B T"],
    lam: float,
    eps: float,
    mask: Float[Tensor, "B T"],
) -> Float[Tensor, "B T"]:
    """A_t = A * ((1 - lam) + lam * token_weight) on response tokens, 0 on padding.

    ``evidence`` in nats. The sign of A_t is the sign of A: evidence changes the size of an update, never its direction.
    lam = 0 gives exactly :func:`uniform_credit`. Released code: verl/trainer/core_algos.py:312-394 and 469-519.
    """
    weight = token_weight(advantage, evidence, eps)
    return selected(advantage[:, None] * ((1.0 - lam) + lam * weight), mask)


def shuffled(evidence: Float[Tensor, "B T"], mask: Float[Tensor, "B T"], seed: int) -> Float[Tensor, "B T"]:
    """Shuffle the evidence of each response among its own tokens: a control with the same weights on other tokens.

    The permutations follow from ``seed`` and the response lengths alone; padding keeps its values.
    """
    generator = torch.Generator().manual_seed(seed)
    result = evidence.clone()
    for row, valid in enumerate(mask.bool()):
        where = valid.nonzero()[:, 0]
        result[row, where] = evidence[row, where[torch.randperm(len(where), generator=generator).to(where.device)]]
    return result


def evidence_moments(
    advantage: Float[Tensor, " B"], evidence: Float[Tensor, "B T"], eps: float, mask: Float[Tensor, "B T"]
) -> dict[str, float | None]:
    """Fields of ``contracts.records.Evidence``; None where there is no token to count.

    Counted are the response tokens of rollouts with A != 0: the others are not shown to the teachers.
    ``weight_clip_rate`` is the share of tokens whose weight lies outside [1 - eps, 1 + eps].
    """
    counted = mask.bool() & (advantage != 0)[:, None]
    clipped = (_unclipped_weight(advantage, evidence) - 1.0).abs() > eps
    mean_positive, std_positive = _moments(evidence[counted & (advantage > 0)[:, None]])
    mean_negative, std_negative = _moments(evidence[counted & (advantage < 0)[:, None]])
    return {
        "mean_positive": mean_positive,
        "std_positive": std_positive,
        "mean_negative": mean_negative,
        "std_negative": std_negative,
        "share_positive": _share(evidence > 0, counted),
        "share_negative": _share(evidence < 0, counted),
        "weight_clip_rate": _share(clipped, counted),
    }


def _unclipped_weight(advantage: Float[Tensor, " B"], evidence: Float[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    return torch.exp(torch.sign(advantage)[:, None] * evidence.clamp(-EXPONENT_LIMIT, EXPONENT_LIMIT))


def _moments(values: Float[Tensor, " N"]) -> tuple[float | None, float | None]:
    """Mean and population standard deviation."""
    if values.numel() == 0:
        return None, None
    return values.double().mean().item(), values.double().std(correction=0).item()


def _share(marked: Bool[Tensor, "B T"], counted: Bool[Tensor, "B T"]) -> float | None:
    total = int(counted.sum())
    return int((marked & counted).sum()) / total if total else None
