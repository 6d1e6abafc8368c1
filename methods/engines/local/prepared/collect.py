"""What a prepared model learns from: rollouts of the base, verified, and values of their prefixes where it wants them.

Problems are answered a few at a time. Each batch goes to a file of its own in ``state/``, so that a run that was
stopped goes on after the last one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

import torch
from torch import Tensor

from contracts.prepared import PreparedPlan
from methods.base import Mark, Method, PrefixValues, Rollouts
from methods.engines.local.clock import Clock
from methods.engines.local.experience import Gatherer, graded
from methods.engines.local.networks.step_scores import scored_places
from methods.engines.local.policy import Policy
from methods.engines.local.prompt_length import prompt_length
from methods.engines.local.sample import roll_out
from methods.engines.local.services.values import ValueService
from methods.engines.local.teacher_weights import AdapterTeachers
from methods.engines.shared.batch_files import batch_file, read_batch, write_batch
from methods.engines.shared.problems import Problem
from methods.engines.shared.prompt_limit import prompt_limit, short_enough
from methods.engines.shared.responses import Responses, stacked
from methods.shared import seeding
from methods.shared.prepared import OF_ROLLOUTS
from methods.shared.rewards import Grader

BATCH = 16  # problems
RESPONSE_FIELDS = [field.name for field in fields(Responses) if field.default is MISSING]  # all but the gap of vLLM


@dataclass(frozen=True)
class Collected:
    """Rollouts of the base to N problems, group after group."""

    problems: list[int]  # of each group: its place among the training problems that are short enough
    responses: Responses  # owner: the place of the group
    correct: Tensor  # (B,) bool
    values: dict[str, Tensor]  # as ``Rollouts.values``, of correctness; empty where none were asked for
    extra_tokens: int
    seconds: float  # of all batches, also of those that an earlier run left


def base_method(plan: PreparedPlan) -> Method:
    """A method that samples and verifies as the plan's options say, with a reward of 1 for a right answer."""
    chosen = {name: plan.options[name] for name in OF_ROLLOUTS}
    return Method(**chosen, group_size=plan.options["prepared_rollouts"], reward="binary")  # pyright: ignore[reportArgumentType]


class Collector:
    """Answers problems with the base model."""

    def __init__(self, plan: PreparedPlan, policy: Policy, problems: Sequence[Problem], grader: Grader) -> None:
        """``problems``: the training problems, of which ``prepared_problems`` are drawn for the plan's seed."""
        self.plan, self.policy, self.grader, self.method = plan, policy, grader, base_method(plan)
        limit = prompt_limit(self.method)
        self.problems = short_enough(problems, self.method, lambda p: prompt_length(policy, self.method, p, limit))
        wanted = int(plan.options["prepared_problems"])
        self.rows = seeding.generator(plan.seed, "prepare").permutation(len(self.problems))[:wanted].tolist()
        nobody = AdapterTeachers(policy, set())
        self.gatherer = Gatherer(policy, self.method, grader, nobody, plan.micro_batch)

    def collect(self, state: Path, continuations: int, note: Callable[[int, int], None]) -> Collected:
        """All batches: those in ``state`` are read, the others made. ``continuations`` per prefix; 0: no values."""
        numbers = range(-(-len(self.rows) // BATCH))
        done = []
        for number in numbers:
            note(number, len(numbers))
            path = batch_file(state, number)
            left = read_batch(path, self.plan.digest)
            found = self._timed(number, continuations) if left is None else left[0]
            if left is None:
                write_batch(path, found, self.plan.digest)
            done.append({name: value.to(self.policy.device) for name, value in found.items()})
        return self._joined(done)

    def _timed(self, number: int, continuations: int) -> dict[str, Tensor]:
        begun = time.perf_counter()
        found = self._batch(number, continuations)
        return found | {"seconds": torch.tensor(time.perf_counter() - begun)}

    def _batch(self, number: int, continuations: int) -> dict[str, Tensor]:
        rows = self.rows[number * BATCH : (number + 1) * BATCH]
        problems, clock, seed = [self.problems[row] for row in rows], Clock(), self.plan.seed
        drawn = self.gatherer.sample(problems, number, seeding.stream(seed, "prepare", 1), clock)
        rollouts = graded(self.method, drawn.responses, drawn.members, 0)
        tensors = {name: getattr(drawn.responses, name) for name in RESPONSE_FIELDS} | {"correct": rollouts.correct}
        if continuations:
            service = ValueService(self.policy, self.method, self.grader, roll_out, self.plan.micro_batch)
            wanted = PrefixValues(self._marked(drawn.responses), continuations)
            asked = (wanted, problems, drawn.prompts, drawn.responses, rollouts)
            valued, sampled = service.ask(*asked, seeding.stream(seed, "continuation", number))
            tensors |= {f"values/{name}": value for name, value in valued.values.items()}
            tensors["extra"] = torch.tensor(sampled)
        return tensors

    def _marked(self, responses: Responses) -> Mark:
        def mark(batch: Rollouts) -> Tensor:
            return scored_places(self.policy, responses)

        return mark

    def _joined(self, batches: Sequence[dict[str, Tensor]]) -> Collected:
        responses = stacked([Responses(**{name: one[name] for name in RESPONSE_FIELDS}) for one in batches])
        width = responses.mask.shape[1]
        values = {
            name.removeprefix("values/"): torch.cat([_fitted(one[name], width) for one in batches])
            for name in batches[0]
            if name.startswith("values/")
        }
        extra = sum(int(one["extra"]) for one in batches) if values else 0
        correct, seconds = torch.cat([one["correct"] for one in batches]), sum(float(one["seconds"]) for one in batches)
        return Collected(self.rows, responses, correct, values, extra, seconds)


def _fitted(values: Tensor, width: int) -> Tensor:
    """(b, T) cut or padded to ``width``; (b,) as it is."""
    if values.dim() == 1:
        return values
    return torch.nn.functional.pad(values[:, :width], (0, max(0, width - values.shape[1])))
