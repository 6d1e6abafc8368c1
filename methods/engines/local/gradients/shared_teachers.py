"""Ask the teachers of several methods about the same rollouts; teachers that are shown the same are asked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from methods.base import Method, Teacher
from methods.engines.local.experience import look_at, reference_contexts
from methods.engines.local.passes import Chunk, autocast, token_logp
from methods.engines.local.policy import Policy
from methods.engines.local.score import teacher_hidden, teacher_logp
from methods.engines.local.teacher_weights import AdapterTeachers
from methods.engines.shared.experience import Experience, choose_references
from methods.engines.shared.problems import Problem
from methods.shared.references import Reference

Shown = tuple[bool, bool, str, str, tuple[Reference | None, ...]]  # all that a teacher's log-probs depend on


@dataclass
class Question:
    """One pass of one teacher over the rollouts, and what the methods that share it need of its answer."""

    teacher: Teacher
    references: list[Reference | None]
    distributions: bool = False  # a method matches distributions: it needs hidden states of all rollouts
    credited: bool = False  # a method gives credit: it needs log-probs where there is an advantage
    logp: Tensor = field(default_factory=lambda: torch.zeros(0))
    hidden: Tensor = field(default_factory=lambda: torch.zeros(0))


class SharedTeachers:
    """The teachers of ``methods``, which all have the same rollouts, before the first update.

    Teachers with the weights of the actor, of their moving average or of a synced copy are then one and the same: the
    policy itself. A fixed teacher is the base model.
    """

    def __init__(self, policy: Policy, methods: Mapping[str, Method], size: int) -> None:
        """``size``: rollouts in one pass."""
        self.policy, self.size = policy, size
        self.methods = {n: m for n, m in methods.items() if m.matches_distributions or m.needs_teachers(0)}
        self.weights = AdapterTeachers(policy, set())  # no copies: weights it does not know are the policy's own

    def ask(self, problems: Sequence[Problem], experience: Experience, seed: int) -> dict[str, Experience]:
        """The experience of each method that has teachers, with what these say of the rollouts."""
        truths, questions = [p.answer for p in problems], dict[Shown, Question]()
        asked: dict[str, dict[str, Question]] = {}
        for name, method in self.methods.items():
            for role, teacher in method.teachers().items():
                references = choose_references(method, teacher, experience.members, truths, seed, 0)
                question = questions.setdefault(_shown(teacher, references), Question(teacher, references))
                question.distributions |= method.matches_distributions
                question.credited |= not method.matches_distributions
                asked.setdefault(name, {})[role] = question
        visions = look_at(self.policy, problems)
        for question in questions.values():
            self._answer(question, problems, visions, experience)
        return {name: self._told(self.methods[name], found, experience) for name, found in asked.items()}

    def _answer(
        self, question: Question, problems: Sequence[Problem], visions: Sequence[list], experience: Experience
    ) -> None:
        """One pass of the teacher."""
        policy, method, responses = self.policy, next(iter(self.methods.values())), experience.responses
        contexts = reference_contexts(policy, method, question.teacher, problems, visions, question.references)
        there = torch.tensor([r is not None for r in question.references], device=policy.device)
        ask = (policy, self.weights, question.teacher, contexts)
        wanted = there & (experience.rollouts.advantage != 0)  # without an advantage credit is 0 whatever is said
        if not question.distributions:
            question.logp = teacher_logp(*ask, wanted, responses, method, self.size)
            return
        question.hidden = teacher_hidden(*ask, there, responses, method, self.size)
        if question.credited:
            rows, question.logp = wanted.nonzero()[:, 0], torch.zeros_like(responses.mask)
            chunk = Chunk(rows, responses.tokens[rows], responses.mask[rows], question.hidden[rows])
            if len(rows):
                with torch.no_grad(), autocast(policy, method.score_dtype):
                    question.logp[rows] = token_logp(policy, chunk, method.temperature)

    def _told(self, method: Method, found: Mapping[str, Question], experience: Experience) -> Experience:
        has = {
            role: torch.tensor([r is not None for r in question.references], device=self.policy.device)
            for role, question in found.items()
        }
        if method.matches_distributions:  # such a method has one teacher
            (question,) = found.values()
            return replace(
                experience, rollouts=replace(experience.rollouts, has=has), teacher_hidden=question.hidden
            )  # fmt: skip
        logp = experience.rollouts.logp | {role: question.logp for role, question in found.items()}
        return replace(experience, rollouts=replace(experience.rollouts, logp=logp, has=has))


def _shown(teacher: Teacher, references: Sequence[Reference | None]) -> Shown:
    return (
        teacher.weights.source == "fixed", teacher.image, teacher.positions, teacher.style, tuple(references),
    )  # fmt: skip
