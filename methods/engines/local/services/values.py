"""The value service: sample on from prefixes of rollouts and average the rewards, for methods that ask for values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from methods.base import Method, PrefixValues, Rollouts
from methods.engines.local.policy import Policy
from methods.engines.local.sample import Sampler, rollout_sampling
from methods.engines.local.teacher_weights import frozen
from methods.engines.local.verify import read_members
from methods.engines.shared.prefix_values import asked_prefixes, completions, line_ends
from methods.engines.shared.problems import Problem
from methods.engines.shared.prompts import Prompt, continued
from methods.engines.shared.responses import Responses
from methods.shared.rewards import Grader


@dataclass(frozen=True)
class ValueService:
    """Samples continuations as the method samples its rollouts; ``size`` of them in one pass."""

    policy: Policy
    method: Method
    grader: Grader
    sampler: Sampler
    size: int

    def ask(
        self, wanted: PrefixValues, problems: Sequence[Problem], prompts: Sequence[Prompt], responses: Responses,
        rollouts: Rollouts, seed: int,
    ) -> tuple[Rollouts, int]:  # fmt: skip
        """The rollouts with ``line_ends`` and ``values``, and the number of response tokens sampled for them.

        ``problems`` and ``prompts``: one per group. Seeded by ``seed``; verified like rollouts.
        """
        rollouts = replace(rollouts, line_ends=line_ends(self.policy.processor.tokenizer, responses))
        asked = asked_prefixes(wanted.mark(rollouts), responses, len(problems))
        starts = [continued(prompts[place], ids) for place, ids in asked.distinct]
        sampling = replace(rollout_sampling(self.method), copies=wanted.continuations)
        with frozen(self.policy):
            sampled = self.sampler(self.policy, starts, sampling, seed, self.size)
        finished = completions(asked, sampled, self.method.max_response, wanted.continuations)
        owners = [problems[place] for place, _ in asked.distinct for _ in range(wanted.continuations)]
        members, _ = read_members(self.policy, self.method, self.grader, finished, owners)
        rewards = torch.tensor([m.reward for m in members], device=self.policy.device)
        means = rewards.view(len(asked.distinct), wanted.continuations).mean(1)
        return replace(rollouts, values=asked.spread(means)), int(sampled.mask.sum())
