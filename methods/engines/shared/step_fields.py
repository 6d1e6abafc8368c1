"""Fields of a step's line in ``train.jsonl`` that are computed from its rollouts, in the same way for both engines."""

from __future__ import annotations

from typing import Any

from methods.base import Method, Rollouts, TokenCredit
from methods.engines.shared.experience import Experience
from methods.engines.shared.rollout_gap import rollout_gap
from methods.shared.advantage import group_mix
from methods.shared.credit import evidence_moments
from methods.shared.surrogate import selected


def rollout_fields(method: Method, experience: Experience, step: int) -> dict[str, Any]:
    """Return the fields of the line of 0-based rollout ``step`` that its rollouts decide."""
    responses, rollouts, members = experience.responses, experience.rollouts, experience.members
    lengths = responses.mask.sum(1)
    return {
        "reward_mean": float(rollouts.reward.mean()),
        "accuracy": sum(m.correct for m in members) / len(members),
        "format_rate": sum(m.answer is not None for m in members) / len(members),
        **group_mix(rollouts.correct, rollouts.group),
        "response_length": float(lengths.mean()),
        "truncated": float(responses.truncated.mean()),
        "reference_missing": {name: float((~has).float().mean()) for name, has in rollouts.has.items()},
        "lam": method.lam_at(step) if isinstance(method, TokenCredit) else None,
        "evidence": _evidence(method, rollouts, step),
        "entropy": float(selected(responses.entropy, responses.mask).sum() / responses.mask.sum()),
        "rollout_gap": None if responses.gap is None else rollout_gap(responses.gap),
        "tokens": int(lengths.sum()),
        "extra_tokens": experience.extra_tokens,
        "teacher_tokens": experience.teacher_tokens,
        "privileged": _privileged(method, experience),
    }


def _privileged(method: Method, experience: Experience) -> int | None:
    """Privileged rollouts that were right; None for a method that asks for none."""
    if method.privileged_rollouts() is None:
        return None
    return len(experience.privileged.members) if experience.privileged else 0


def _evidence(method: Method, rollouts: Rollouts, step: int) -> dict[str, float | None] | None:
    """Fields of ``contracts.records.Evidence``; None for a method without any, or once it no longer counts."""
    if not isinstance(method, TokenCredit) or not method.needs_teachers(step):
        return None
    evidence = method.evidence(rollouts)
    return evidence_moments(rollouts.advantage, evidence, method.eps_w, rollouts.mask)
