"""From the experience and the updates of one step to its line in ``train.jsonl``."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.records import Evidence, Step
from methods.base import Method, Rollouts, TokenCredit
from methods.engines.local.experience import Experience
from methods.engines.local.update import Update
from methods.shared.advantage import group_mix
from methods.shared.credit import evidence_moments


def step_record(
    step: int, method: Method, experience: Experience, updates: Sequence[Update], lr: float, delta_w: float,
    seconds: dict[str, float],
) -> Step:  # fmt: skip
    """The line of 0-based rollout ``step``."""
    responses, rollouts, members = experience.responses, experience.rollouts, experience.members
    lengths = responses.mask.sum(1)
    right = [m.correct for m in members]
    mix = group_mix(rollouts.correct, rollouts.group)
    return Step(
        step=step + 1,
        reward_mean=float(rollouts.reward.mean()),
        accuracy=sum(right) / len(right),
        format_rate=sum(m.answer is not None for m in members) / len(members),
        **mix,
        response_length=float(lengths.mean()),
        truncated=float(responses.truncated.mean()),
        grade_timeouts=experience.grade_timeouts,
        reference_missing={name: float((~has).float().mean()) for name, has in rollouts.has.items()},
        loss=sum(u.loss for u in updates) / len(updates),
        grad_norm=sum(u.grad_norm for u in updates) / len(updates),
        lr=lr,
        clip_low=_mean(updates, "clip_low"),
        clip_high=_mean(updates, "clip_high"),
        dual_clip=_mean(updates, "dual_clip"),
        lam=method.lam_at(step) if isinstance(method, TokenCredit) else None,
        evidence=evidence_record(method, rollouts, step),
        entropy=float(responses.entropy.sum() / responses.mask.sum()),
        delta_w=delta_w,
        seconds=seconds,
        tokens=int(lengths.sum()),
    )


def evidence_record(method: Method, rollouts: Rollouts, step: int) -> Evidence | None:
    """Moments of the evidence; None for a method without any, or once it no longer counts."""
    if not isinstance(method, TokenCredit) or not method.needs_teachers(step):
        return None
    evidence = method.evidence(rollouts)
    return Evidence(**evidence_moments(rollouts.advantage, evidence, method.eps_w, rollouts.mask))


def _mean(updates: Sequence[Update], name: str) -> float | None:
    values = [u.clipped[name] for u in updates if name in u.clipped]
    return sum(values) / len(values) if values else None
