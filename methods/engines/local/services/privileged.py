"""The service of privileged rollouts: a teacher that is shown a reference samples, and the right rollouts are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from methods.base import Method, PrivilegedRollouts, Rollouts
from methods.engines.local.policy import Policy
from methods.engines.local.sample import Sampler, rollout_sampling
from methods.engines.local.score import teacher_hidden
from methods.engines.local.teacher_weights import AdapterTeachers
from methods.engines.local.verify import read_members
from methods.engines.shared.experience import Experience, as_rollouts, choose_references, teacher_context
from methods.engines.shared.problems import Problem
from methods.engines.shared.prompts import Prompt, Vision
from methods.engines.shared.responses import Responses, taken
from methods.shared import seeding
from methods.shared.references import Member
from methods.shared.rewards import Grader


@dataclass(frozen=True)
class PrivilegedService:
    """Samples as the method samples its rollouts, ``size`` of them in one pass, with the weights of the teacher."""

    policy: Policy
    method: Method
    grader: Grader
    sampler: Sampler
    teachers: AdapterTeachers
    size: int

    def ask(
        self, wanted: PrivilegedRollouts, problems: Sequence[Problem], visions: Sequence[list[Vision]],
        prompts: Sequence[Prompt], members: Sequence[Member], rollouts: Rollouts, seed: int, step: int,
    ) -> tuple[Experience | None, int]:  # fmt: skip
        """The right ones of the privileged rollouts, None if there are none; and the response tokens sampled for them.

        ``problems``, ``visions`` and ``prompts``: one per group, the prompts without a reference. ``members`` and
        ``rollouts``: of all groups. Seeded by ``seed`` and the 0-based ``step``; verified like rollouts.
        """
        contexts = self._contexts(wanted, problems, visions, members, rollouts, seed, step)
        if not contexts:
            return None, 0
        sampling = replace(rollout_sampling(self.method), copies=wanted.copies)
        with self.teachers.sampling(wanted.teacher.weights):
            drawn = seeding.stream(seed, "privileged", step)
            sampled = self.sampler(self.policy, list(contexts.values()), sampling, drawn, self.size)
        places = torch.tensor(list(contexts), device=self.policy.device)
        responses = replace(sampled, owner=places[sampled.owner])
        asked = [problems[place] for place in responses.owner.tolist()]
        found, timeouts = read_members(self.policy, self.method, self.grader, responses.every_id(), asked)
        right = [row for row, one in enumerate(found) if one.correct]
        kept = None
        if right:
            chosen = taken(responses, torch.tensor(right, device=self.policy.device))
            members = [found[row] for row in right]
            kept = self._read(wanted, contexts, prompts, chosen, members, rollouts.seed, timeouts)
        return kept, int(sampled.mask.sum())

    def _read(
        self, wanted: PrivilegedRollouts, contexts: Mapping[int, Prompt], prompts: Sequence[Prompt],
        responses: Responses, members: list[Member], seed: int, timeouts: int,
    ) -> Experience:  # fmt: skip
        """The experience of right privileged rollouts: as the student reads them, with the teacher's hidden states."""
        rewards = torch.tensor([one.reward for one in members], device=self.policy.device)
        right = torch.ones_like(rewards, dtype=torch.bool)
        rollouts = as_rollouts(self.method, responses, rewards, right, seed)
        owners = responses.owner.tolist()
        hidden = teacher_hidden(
            self.policy, self.teachers, wanted.teacher, [contexts[place] for place in owners], right, responses,
            self.method, self.size,
        )  # fmt: skip
        shown, told = [prompts[place] for place in owners], {"teacher": responses.logp}
        return Experience(shown, responses, members, replace(rollouts, logp=told), hidden, timeouts)

    def _contexts(
        self, wanted: PrivilegedRollouts, problems: Sequence[Problem], visions: Sequence[list[Vision]],
        members: Sequence[Member], rollouts: Rollouts, seed: int, step: int,
    ) -> dict[int, Prompt]:  # fmt: skip
        """What the teacher reads, by the place of the problem, for each problem that is marked and has a reference."""
        marked = wanted.mark(rollouts).nonzero()[:, 0].tolist()
        references = choose_references(self.method, wanted.teacher, members, [p.answer for p in problems], seed, step)
        first = {place: references[place * self.method.group_size] for place in marked}
        tokenizer = self.policy.processor.tokenizer
        return {
            place: teacher_context(
                tokenizer, self.method, wanted.teacher, problems[place].text, visions[place], reference
            )
            for place, reference in first.items()
            if reference is not None
        }
