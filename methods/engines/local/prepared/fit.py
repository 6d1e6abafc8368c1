"""Train an adapter of the policy, and what stands on it, on rollouts: AdamW with warm-up and a cosine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from contracts.errors import TrainError
from methods.base import Method
from methods.engines.local.experience import look_at, student_context
from methods.engines.local.passes import Chunk, autocast, chunks
from methods.engines.local.policy import Policy
from methods.engines.local.prepared.collect import Collected
from methods.engines.local.teacher_weights import Adapter, learning
from methods.engines.shared.problems import Problem
from methods.engines.shared.prompts import Prompt
from methods.shared.schedule import lr_factor

WARMUP = 0.1  # share of the updates


@dataclass(frozen=True)
class Fitting:
    """How a network is trained."""

    lr: float
    epochs: int
    batch: int  # rollouts in an update
    seed: int


class Fitter:
    """Trains networks on the rollouts of a collection."""

    def __init__(
        self, policy: Policy, method: Method, problems: Sequence[Problem], collected: Collected, size: int
    ) -> None:
        """``problems``: the training problems that are short enough; ``size``: rollouts in one pass."""
        self.policy, self.method, self.problems, self.collected, self.size = policy, method, problems, collected, size
        self.start = {name: parameter.detach().clone() for name, parameter in policy.trainable.items()}

    def contexts(self, rows: Tensor) -> list[Prompt | None]:
        """The prompts of some rollouts, None for all others: vision features of all would not fit into memory."""
        groups = sorted(set(self.collected.responses.owner[rows].tolist()))
        problems = [self.problems[self.collected.problems[group]] for group in groups]
        seen = zip(groups, problems, look_at(self.policy, problems), strict=True)
        made = {group: student_context(self.policy, self.method, problem, vision) for group, problem, vision in seen}
        wanted, owner = set(rows.tolist()), self.collected.responses.owner.tolist()
        return [made[group] if row in wanted else None for row, group in enumerate(owner)]

    def fit(
        self, rows: Tensor, loss: Callable[[Chunk], Float[Tensor, "b T"]], weight: Float[Tensor, "B T"],
        fitting: Fitting, head: Sequence[torch.nn.Parameter] = (),
    ) -> int:  # fmt: skip
        """Train from a new adapter on ``rows``; returns the number of updates. The policy then has what was trained.

        The loss of an update is the mean of ``loss`` with ``weight`` over its tokens. TrainError if it is no number.
        """
        self.restart()
        policy, method = self.policy, self.method
        parameters = [*policy.trainable.values(), *head]
        optimizer = torch.optim.AdamW(parameters, lr=fitting.lr, weight_decay=method.weight_decay)
        generator = torch.Generator().manual_seed(fitting.seed)
        parts = [
            part
            for _ in range(fitting.epochs)
            for part in rows[torch.randperm(len(rows), generator=generator).to(rows.device)].split(fitting.batch)
        ]
        for number, part in enumerate(parts):
            for group in optimizer.param_groups:
                group["lr"] = fitting.lr * lr_factor(number, len(parts), "cosine", round(WARMUP * len(parts)))
            optimizer.zero_grad(set_to_none=False)
            total = self._backward(part, loss, weight)
            torch.nn.utils.clip_grad_norm_(parameters, method.grad_clip)
            if not torch.isfinite(total):
                raise TrainError("prepared model", f"loss is {float(total)}", "lower prepared_lr")
            optimizer.step()
        return len(parts)

    def adapter(self) -> Adapter:
        """A copy of what was trained."""
        return {name: parameter.detach().clone() for name, parameter in self.policy.trainable.items()}

    def restart(self) -> None:
        """Give the policy the new adapter again, which changes nothing of the base."""
        with torch.no_grad():
            for name, parameter in self.policy.trainable.items():
                parameter.copy_(self.start[name])

    def _backward(
        self, part: Tensor, loss: Callable[[Chunk], Float[Tensor, "b T"]], weight: Float[Tensor, "B T"]
    ) -> Tensor:
        every, total = weight[part].sum().clamp(min=1.0), torch.zeros((), device=part.device)
        contexts = self.contexts(part)
        with autocast(self.policy, self.method.score_dtype), learning(self.policy):
            for chunk in chunks(self.policy, contexts, part, self.collected.responses, self.size):
                found = loss(chunk) * weight[chunk.rows, : chunk.mask.shape[1]]
                (found.sum() / every).backward()
                total += found.detach().sum() / every
        return total
