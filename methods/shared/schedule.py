"""Schedules over rollout steps, counted from 0 (not optimizer updates, of which a rollout step may have several).

The released code advances its learning-rate scheduler and its lambda once per rollout step too
(verl/workers/fsdp_workers.py:585, verl/trainer/ray_trainer.py:891-913 of github.com/ahmedheakl/CEPO @7a9655d).
"""

from __future__ import annotations

import math
from typing import Literal


def lr_factor(step: int, steps: int, schedule: Literal["cosine", "constant"], warmup: int) -> float:
    """Share of the peak learning rate at ``step`` of ``steps``: linear warm-up, then constant or half a cosine.

    Warm-up gives (step + 1) / warmup, so that the first step already learns; the released scheduler's step / warmup
    is 0 at the first step, which then changes nothing. The cosine is 1 at step ``warmup`` and would be 0 at ``steps``.
    """
    if step < warmup:
        return (step + 1) / warmup
    if schedule == "constant":
        return 1.0
    return 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def lam_at(
    step: int,
    lam: float,
    schedule: Literal["linear", "constant"],
    decay_steps: int,
    clock: Literal["from_zero", "from_one"],
) -> float:
    """Share of token-level credit: ``lam``, or ``lam * max(0, 1 - tick / decay_steps)``.

    tick = step for ``from_zero`` (released CEPO, ray_trainer.py:1041-1047) and step + 1 for ``from_one`` (released
    RLSD, ray_trainer.py:891-903), with which lam has already fallen once at the first step.
    """
    if schedule == "constant":
        return lam
    tick = step + (clock == "from_one")
    return lam * max(0.0, 1.0 - tick / decay_steps)
