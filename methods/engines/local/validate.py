"""Accuracy on validation problems during training: one sampled answer each, with the same random numbers each time."""

from __future__ import annotations

from dataclasses import replace

from methods.base import Method
from methods.engines.local.experience import look_at, student_context
from methods.engines.local.policy import Policy
from methods.engines.local.sample import Sampler, Sampling, roll_out
from methods.engines.local.teacher_weights import frozen
from methods.engines.local.verify import read_members
from methods.engines.shared.problems import Problem
from methods.engines.shared.settings import SharedSettings
from methods.shared import seeding
from methods.shared.rewards import Grader


class Validator:
    """Answers the first ``validation_problems`` of the validation split, sampled as in training."""

    def __init__(
        self,
        policy: Policy,
        method: Method,
        grader: Grader,
        problems: list[Problem],
        settings: SharedSettings,
        seed: int,
        sampler: Sampler = roll_out,
    ) -> None:
        self.sampler = sampler
        self.policy, self.method, self.grader, self.settings = policy, method, grader, settings
        self.problems = problems[: settings.validation_problems]
        self.seed = seeding.stream(seed, "validation")
        visions = look_at(policy, self.problems)
        sighted = replace(method, student_image=True)  # with images, as in the evaluation
        self.prompts = [student_context(policy, sighted, p, v) for p, v in zip(self.problems, visions, strict=True)]

    def due(self, done: int, steps: int) -> bool:
        """Whether a validation is due after ``done`` of ``steps`` rollout steps."""
        return bool(self.problems) and (done % self.settings.validate_every == 0 or done == steps)

    def accuracy(self) -> float | None:
        """Share of problems answered right; None without validation problems."""
        if not self.problems:
            return None
        sampling = Sampling(self.method.temperature, self.method.max_response)
        size = self.settings.rollout_batch or self.settings.micro_batch
        with frozen(self.policy):
            responses = self.sampler(self.policy, self.prompts, sampling, self.seed, size)
        members, _ = read_members(self.policy, self.method, self.grader, responses.every_id(), self.problems)
        return sum(m.correct for m in members) / len(members)
