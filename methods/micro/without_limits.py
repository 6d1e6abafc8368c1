"""What is measured of a base model, where nothing is required of it: a base whose teachers should know little."""

from __future__ import annotations

from pathlib import Path

from methods.engines.local.policy import Policy
from methods.engines.shared.problems import load_problems
from methods.micro.checks import LIMITS, METHOD, PROBLEMS, rollout_facts, rollouts
from methods.micro.measures.evidence import evidence_of
from methods.micro.measures.oracle_ratio import oracle_ratio


def measure_base(base: Path, validation: Path, seed: int, limit: int = PROBLEMS) -> dict[str, object]:
    """Measure the numbers of ``check.json`` on the first ``limit`` problems of ``validation``; none is judged."""
    problems = load_problems(validation)
    measured = rollout_facts(rollouts(base, problems[:limit], 0))
    policy = Policy(base, METHOD, "cpu", "float32", seed)
    return {**measured, "evidence": evidence_of(base, seed), "oracle": oracle_ratio(policy, problems, LIMITS, seed)}
