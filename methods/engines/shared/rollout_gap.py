"""Compare log-probs of sampled tokens: those that vLLM gives with its rollouts, and those of the trained policy.

Both are at temperature 1 and over the whole vocabulary, whatever the rollouts are sampled with.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from contracts.errors import TrainError
from contracts.records import RolloutGap

APART = {"float32": 1e-3, "bfloat16": 0.1}  # nats; a larger mean difference means other weights, not rounding


def sampler_logp(rows: Sequence[Sequence[float]], length: int) -> Float[Tensor, "B T"]:
    """Log-probs that vLLM gave, padded to ``length``; NaN where it sampled no token, also where one was added after it.

    Raises TrainError if vLLM gave a log-prob that is no finite number.
    """
    padded = torch.full((len(rows), length), torch.nan)
    for row, values in zip(padded, rows, strict=True):
        row[: len(values)] = torch.tensor(values)
    if int(padded.isfinite().sum()) != sum(map(len, rows)):
        raise TrainError("vllm", "it gave log-probs that are no finite numbers", "look into its log and its weights")
    return padded


def compared(
    policy: Float[Tensor, "B T"], sampler: Float[Tensor, "B T"], dtype: str, cure: str
) -> Float[Tensor, "B T"]:
    """Log-prob of the policy minus that of the sampler (nats), NaN where ``sampler`` is NaN.

    Raises TrainError, with ``cure`` as the way out, if the policy in ``dtype`` is another than the one that sampled.
    """
    gap = policy.float() - sampler.to(policy.device)
    mean = float(gap[~sampler.isnan().to(gap.device)].abs().mean())
    if not mean <= APART[dtype]:  # also if the policy gave NaN
        cause = f"its log-probs differ from the policy's by {mean:.2g} nats a token, allowed are {APART[dtype]}"
        raise TrainError("vllm", cause, cure)
    return gap


def rollout_gap(gap: Float[Tensor, "B T"]) -> RolloutGap:
    """Mean and largest difference, and an estimate of KL(sampler || policy) that is never below 0.

    The estimate is the mean of exp(d) - 1 - d, d the log-prob of the policy minus the sampler's at a token that the
    sampler drew (Schulman, "Approximating KL Divergence", k3). It is one of KL only at temperature 1 without top-p and
    top-k, since tokens are drawn from another distribution otherwise.
    """
    known = gap[~gap.isnan()].double()
    return RolloutGap(
        mean=float(known.abs().mean()), max=float(known.abs().max()), kl=float((known.expm1() - known).mean())
    )
