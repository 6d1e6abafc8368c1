"""From the experience and the updates of one step to its line in ``train.jsonl``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from methods.base import Method, Rollouts
from methods.engines.local.experience import Experience
from methods.engines.local.update import Update
from workflows.lib.records import Evidence, Step


def step_record(
    step: int, method: Method, experience: Experience, updates: Sequence[Update], evidence: Evidence | None,
    lr: float, delta_w: float, seconds: dict[str, float],
) -> Step:  # fmt: skip
    """The line of 0-based rollout ``step``."""
    responses, rollouts, members = experience.responses, experience.rollouts, experience.members
    lengths = responses.mask.sum(1)
    right = [m.correct for m in members]
    shares = group_shares(rollouts)
    return Step(
        step=step + 1,
        reward_mean=float(rollouts.reward.mean()),
        accuracy=sum(right) / len(right),
        format_rate=sum(m.answer is not None for m in members) / len(members),
        all_right=shares[0],
        mixed=shares[1],
        all_wrong=shares[2],
        response_length=float(lengths.mean()),
        truncated=float(responses.truncated.mean()),
        grade_timeouts=experience.grade_timeouts,
        reference_missing={name: float((~has).float().mean()) for name, has in rollouts.has.items()},
        loss=sum(u.loss for u in updates) / len(updates),
        grad_norm=sum(u.grad_norm for u in updates) / len(updates),
        lr=lr,
        clip_low=_mean(updates, "low"),
        clip_high=_mean(updates, "high"),
        dual_clip=_mean(updates, "dual"),
        lam=method.lam_at(step),
        evidence=evidence,
        entropy=float(responses.entropy.sum() / responses.mask.sum()),
        delta_w=delta_w,
        seconds=seconds,
        tokens=int(lengths.sum()),
    )


def group_shares(rollouts: Rollouts) -> tuple[float, float, float]:
    """Shares of groups that are all right, mixed, all wrong."""
    groups = rollouts.group.unique()
    rate = torch.stack([rollouts.correct[rollouts.group == g].float().mean() for g in groups])
    right, wrong = float((rate == 1).float().mean()), float((rate == 0).float().mean())
    return right, float(((rate > 0) & (rate < 1)).float().mean()), wrong


def _mean(updates: Sequence[Update], name: str) -> float | None:
    values = [u.clipped[name] for u in updates if name in u.clipped]
    return sum(values) / len(values) if values else None
