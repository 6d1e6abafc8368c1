"""A measurement at one policy: its plan with its files, and the meter that both kinds of measurement start from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from contracts.gradients import PolicyPlan
from contracts.rollouts import Label
from methods.base import load_method
from methods.engines.local.gradients.meter import GradientMeter, GradientSettings, load_adapter
from methods.engines.local.memory import forget_products, keep_freed_memory
from methods.engines.local.networks.loading import networks_of_arms
from methods.engines.local.policy import Policy
from methods.engines.shared.problems import load_problems
from methods.shared import seeding
from methods.shared.limits import check_engine_option
from methods.shared.rewards import Grader


@dataclass(frozen=True)
class PolicyTask:
    """A plan with its files."""

    planned: str  # the plan as JSON
    base: Path  # folder of the base model
    adapter: Path | None  # None: untrained
    data: Path  # problems
    label: Label | None  # None: the world has no labels of tokens
    prepared: tuple[Path, ...] = ()  # folders of the models that were prepared for the arms

    @property
    def digest(self) -> str:
        """Of all that decides the numbers."""
        return hashlib.sha256(self.planned.encode()).hexdigest()


def meter_of(task: PolicyTask, plan: PolicyPlan, settings: GradientSettings, grader: Grader) -> GradientMeter:
    """The meter of the plan's arms at the task's policy.

    Raises ConfigError (a method needs labels that the world does not have) and DataError (missing or broken inputs).
    """
    keep_freed_memory()
    forget_products()
    methods = {arm.name: load_method(arm.method, arm.options) for arm in plan.arms}
    first = next(iter(methods.values()))
    check_engine_option("local", "lora_rank", first.lora_rank)
    policy = Policy(task.base, first, plan.device, plan.dtype, seeding.stream(plan.seed, "init"))
    if task.adapter is not None:
        load_adapter(policy, task.adapter)
    networks = networks_of_arms(plan.arms, methods, task.prepared, policy)
    problems = load_problems(task.data, (plan.min_pixels, plan.max_pixels))
    return GradientMeter(policy, methods, problems, grader, settings, plan.seed, task.label, networks)
