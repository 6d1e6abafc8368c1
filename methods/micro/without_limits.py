"""What is measured of a base model, where nothing is required of it: a base whose teachers should know little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from methods.engines.local.policy import Policy
from methods.engines.shared.problems import load_problems
from methods.micro.checks import LIMITS, METHOD, Rolled, rollouts
from methods.micro.measures.evidence import evidence_of
from methods.micro.measures.oracle_ratio import oracle_ratio
from methods.shared.references import Member

PROBLEMS = 256  # as many as the checks take


def measure_base(base: Path, validation: Path, seed: int, limit: int = PROBLEMS) -> dict[str, object]:
    """Measure the numbers of ``check.json`` on the first ``limit`` problems of ``validation``; none is judged."""
    problems = load_problems(validation)[:limit]
    measured = rollout_facts(rollouts(base, problems, 0))
    policy = Policy(base, METHOD, "cpu", "float32", seed)
    ratio = oracle_ratio(policy, load_problems(validation), LIMITS, seed)
    return {**measured, "evidence": evidence_of(base, seed), "oracle": ratio}


def rollout_facts(rolled: Rolled) -> dict[str, object]:
    """Accuracy, share of mixed groups, format rate and shares of entropy."""
    right = grouped(rolled.members)
    return {
        "accuracy": float(right.mean()),
        "mixed": float((right.any(1) & ~right.all(1)).mean()),
        "format": float(np.mean([member.answer is not None for member in rolled.members])),
        "entropy": asdict(rolled.entropy),
        "problems": len(right),
        "group_size": METHOD.group_size,
    }


def grouped(members: Sequence[Member]) -> Bool[np.ndarray, "P G"]:
    """Whether each rollout is right, problem by problem."""
    return np.array([member.correct for member in members], dtype=bool).reshape(-1, METHOD.group_size)
