"""Make the line of one step in ``train.jsonl`` from its experience and its updates."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.records import TrainingStep
from methods.base import Method
from methods.engines.local.update import Update
from methods.engines.shared.experience import Experience
from methods.engines.shared.step_fields import rollout_fields
from methods.engines.shared.step_lines import step_line


def step_record(
    step: int, method: Method, experience: Experience, updates: Sequence[Update], lr: float, delta_w: float,
    seconds: dict[str, float],
) -> TrainingStep:  # fmt: skip
    """The line of 0-based rollout ``step``; TrainError if one of its numbers is NaN or infinite."""
    fields = {
        "step": step + 1,
        "grade_timeouts": experience.grade_timeouts,
        "other_grader": experience.other_grader,
        "loss": sum(u.loss for u in updates) / len(updates),
        "grad_norm": sum(u.grad_norm for u in updates) / len(updates),
        "lr": lr,
        **{name: _mean(updates, name) for name in ("clip_low", "clip_high", "dual_clip")},
        "delta_w": delta_w,
        "seconds": seconds,
    }
    return step_line(f"step {step + 1}", fields | rollout_fields(method, experience, step))


def _mean(updates: Sequence[Update], name: str) -> float | None:
    values = [u.clipped[name] for u in updates if name in u.clipped]
    return sum(values) / len(values) if values else None
