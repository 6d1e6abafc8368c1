"""Make the experience of one rollout step: sample responses, grade them, choose references, ask the teachers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from methods.base import Method, PrivilegedRollouts, Rollouts, Teacher
from methods.engines.local.clock import Clock
from methods.engines.local.networks.protocol import Networks
from methods.engines.local.policy import Policy
from methods.engines.local.sample import Sampler, roll_out, rollout_sampling
from methods.engines.local.score import student_logp, teacher_hidden, teacher_logp
from methods.engines.local.services.privileged import PrivilegedService
from methods.engines.local.services.tree import roll_out_tree
from methods.engines.local.services.values import ValueService
from methods.engines.local.teacher_weights import AdapterTeachers, frozen
from methods.engines.local.verify import read_members
from methods.engines.shared.experience import Experience, as_rollouts, choose_references, teacher_context
from methods.engines.shared.problems import Problem
from methods.engines.shared.prompts import Prompt, Vision, make_prompt
from methods.engines.shared.responses import Responses
from methods.shared import seeding
from methods.shared.contexts import student_prompt
from methods.shared.references import Member, Reference
from methods.shared.rewards import Grader


@dataclass(frozen=True)
class Drawn:
    """Problems with their rollouts, sampled and verified; group after group."""

    problems: list[Problem]
    visions: list[list[Vision]]
    prompts: list[Prompt]  # the student's, one per problem
    responses: Responses
    members: list[Member]
    timeouts: int  # gradings that came to no verdict
    other_grader: int | None = None  # rewards that the other grader would change; None: not asked
    extra_tokens: int | None = None  # tokens sampled besides the responses': groups given up, less what a tree shares


class Gatherer:
    """Makes the experience of a step in the same way for every method."""

    def __init__(
        self, policy: Policy, method: Method, grader: Grader, teachers: AdapterTeachers, size: int,
        sampler: Sampler = roll_out, networks: Networks | None = None, decoded: int | None = None,
    ) -> None:  # fmt: skip
        """``size``: rollouts in one pass; ``decoded``: those sampled side by side, as many where it is None.

        ``sampler`` draws the responses; ``networks``: prepared for the method.
        """
        self.policy, self.method, self.grader, self.teachers, self.size = policy, method, grader, teachers, size
        self.sampler, self.networks, self.decoded = sampler, networks, size if decoded is None else decoded

    def gather(self, problems: Sequence[Problem], step: int, seed: int, clock: Clock) -> Experience:
        """Sample ``group_size`` responses to each problem at 0-based ``step``, grade them and ask the teachers."""
        return self.score(self.sample(problems, step, seed, clock), step, seed, clock)

    def sample(self, problems: Sequence[Problem], step: int, seed: int, clock: Clock, stream: str = "rollout") -> Drawn:
        """Roll out ``group_size`` responses to each problem and verify them; ``stream`` names the random numbers."""
        policy, method = self.policy, self.method
        with clock.phase("rollout"):
            visions = look_at(policy, problems)
            prompts = [student_context(policy, method, p, v) for p, v in zip(problems, visions, strict=True)]
            with frozen(policy):
                responses, extra = self._rolled_out(prompts, seeding.stream(seed, stream, step))
        with clock.phase("verify"):
            asked = [problems[o] for o in responses.owner.tolist()]
            members, timeouts = read_members(policy, method, self.grader, responses.every_id(), asked)
            other_grader = self._other_grader(members, asked)
        return Drawn(list(problems), visions, prompts, responses, members, timeouts, other_grader, extra)

    def _rolled_out(self, prompts: Sequence[Prompt], seed: int) -> tuple[Responses, int | None]:
        """The rollouts, and how many tokens were sampled besides theirs: fewer than 0 where they share beginnings."""
        sampling, tree = rollout_sampling(self.method), self.method.rollout_tree()
        if tree is None:
            return self.sampler(self.policy, prompts, sampling, seed, self.decoded), None
        responses, sampled = roll_out_tree(tree, self.sampler, self.policy, prompts, sampling, seed, self.decoded)
        return responses, sampled - int(responses.mask.sum())

    def score(self, drawn: Drawn, step: int, seed: int, clock: Clock) -> Experience:
        """Rewards, advantages, the values and the teachers' log-probs that the method asks for."""
        policy, method, responses = self.policy, self.method, drawn.responses
        contexts = [drawn.prompts[o] for o in responses.owner.tolist()]
        rollouts = graded(method, responses, drawn.members, seeding.stream(seed, "hook", step))
        if method.score_dtype != "float32" or (not policy.folding.exact and self.sampler is roll_out):
            with clock.phase("score"):
                logp = student_logp(policy, contexts, responses, method, self.size)
                rollouts = replace(rollouts, logp={"student": logp})
        hidden, extra, read = torch.zeros(0), drawn.extra_tokens, 0
        if (wanted := method.prefix_values()) is not None:
            with clock.phase("values"):
                service = ValueService(policy, method, self.grader, self.sampler, self.decoded)
                asked = (wanted, drawn.problems, drawn.prompts, responses)
                rollouts, sampled = service.ask(*asked, rollouts, seeding.stream(seed, "continuation", step))
                extra = (extra or 0) + sampled
        if self.networks is not None:
            with clock.phase("networks"):
                told = self.networks.ask(policy, method, contexts, responses, rollouts, self.size)
                rollouts = replace(rollouts, prepared=told)
        if method.matches_distributions or method.needs_teachers(step):
            with clock.phase("teacher"):
                asked = (drawn.problems, drawn.visions, drawn.members, responses)
                rollouts, hidden = self.ask_teachers(*asked, rollouts, seed, step)
                read = tokens_read(method, rollouts)
        privileged = None
        if (tutored := method.privileged_rollouts()) is not None:
            with clock.phase("privileged"):
                privileged, sampled = self._privileged(tutored, drawn, rollouts, seed, step)
                extra, read = (extra or 0) + sampled, read + _tokens(privileged)
        return Experience(
            contexts, responses, drawn.members, rollouts, hidden, drawn.timeouts, drawn.other_grader, extra, read,
            privileged,
        )  # fmt: skip

    def _privileged(
        self, wanted: PrivilegedRollouts, drawn: Drawn, rollouts: Rollouts, seed: int, step: int
    ) -> tuple[Experience | None, int]:
        service = PrivilegedService(self.policy, self.method, self.grader, self.sampler, self.teachers, self.size)
        asked = (drawn.problems, drawn.visions, drawn.prompts, drawn.members)
        return service.ask(wanted, *asked, rollouts, seed, step)

    def _other_grader(self, members: Sequence[Member], problems: Sequence[Problem]) -> int | None:
        """Rewards that the other grader would change; None if it is not installed."""
        answers, verdicts = [m.answer for m in members], [m.correct for m in members]
        changed = self.grader.changed(answers, [p.answer for p in problems], verdicts, self.method.grader)
        return None if changed is None else sum(changed)

    def ask_teachers(
        self, problems: Sequence[Problem], visions: Sequence[list[Vision]], members: list[Member], responses: Responses,
        rollouts: Rollouts, seed: int, step: int,
    ) -> tuple[Rollouts, Tensor]:  # fmt: skip
        """Return rollouts with the log-probs of each teacher (credit), or the teacher's hidden states (matching)."""
        policy, method = self.policy, self.method
        logp, has, hidden = dict(rollouts.logp), dict(rollouts.has), torch.zeros(0)
        for name, teacher in method.teachers().items():
            references = choose_references(method, teacher, members, [p.answer for p in problems], seed, step)
            contexts = reference_contexts(policy, method, teacher, problems, visions, references)
            has[name] = torch.tensor([r is not None for r in references], device=policy.device)
            ask = (policy, self.teachers, teacher, contexts)
            if method.matches_distributions:
                hidden = teacher_hidden(*ask, has[name], responses, method, self.size)
            else:
                wanted = has[name] & (rollouts.advantage != 0)  # advantage 0: credit 0, whatever a teacher says
                logp[name] = teacher_logp(*ask, wanted, responses, method, self.size)
        return replace(rollouts, logp=logp, has=has), hidden


def tokens_read(method: Method, rollouts: Rollouts) -> int:
    """Response tokens that teachers have read. For credit they read only rollouts with an advantage."""
    lengths = rollouts.mask.sum(1)
    counted = torch.ones_like(rollouts.correct) if method.matches_distributions else rollouts.advantage != 0
    return int(sum(lengths[has & counted].sum() for has in rollouts.has.values()))


def _tokens(experience: Experience | None) -> int:
    return int(experience.responses.mask.sum()) if experience else 0


def reference_contexts(
    policy: Policy, method: Method, teacher: Teacher, problems: Sequence[Problem], visions: Sequence[list[Vision]],
    references: Sequence[Reference | None],
) -> list[Prompt | None]:  # fmt: skip
    """What a teacher reads for each rollout: one object per distinct (problem, reference), so that it is read once."""
    made: dict[tuple[int, Reference], Prompt] = {}
    contexts: list[Prompt | None] = []
    for row, reference in enumerate(references):
        if reference is None:
            contexts.append(None)
            continue
        key = (place, reference) = row // method.group_size, reference
        if key not in made:
            text, tokenizer = problems[place].text, policy.processor.tokenizer
            made[key] = teacher_context(tokenizer, method, teacher, text, visions[place], reference)
        contexts.append(made[key])
    return contexts


def look_at(policy: Policy, problems: Sequence[Problem]) -> list[list[Vision]]:
    """Compute the vision features of each problem's images, all in one pass."""
    seen = iter(policy.look([image for p in problems for image in p.open_images()]))
    return [[next(seen) for _ in p.images] for p in problems]


def student_context(policy: Policy, method: Method, problem: Problem, visions: Sequence[Vision]) -> Prompt:
    """Make the student's prompt. Without ``student_image`` the tokens of the image become padding."""
    counts = [len(v.tokens) for v in visions]
    ids = student_prompt(policy.processor.tokenizer, problem.text, method.prompt_template, counts)
    blind = None if method.student_image else policy.pad_token
    return make_prompt(ids, visions, policy.config.image_token_id, blind_pad=blind)


def graded(method: Method, responses: Responses, members: Sequence[Member], seed: int) -> Rollouts:
    """Return the tensors that a hook is given, with the members' rewards and before any teacher has been asked."""
    device = responses.tokens.device
    rewards = torch.tensor([m.reward for m in members], device=device)
    correct = torch.tensor([m.correct for m in members], device=device)
    rollouts = as_rollouts(method, responses, rewards, correct, seed)
    if method.rollout_tree() is None:
        return rollouts
    return replace(rollouts, leaf=torch.arange(len(rewards), device=device) % method.group_size)
