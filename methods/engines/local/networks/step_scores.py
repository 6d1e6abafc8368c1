"""The process reward model: an adapter and a head on the base. Its score of a prefix: the chance of a right answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import linear, pad

from methods.base import Method, Rollouts
from methods.engines.local.networks.protocol import StoredPairs
from methods.engines.local.networks.tensors import read_adapter, read_tensors, write_tensors
from methods.engines.local.passes import autocast, chunks
from methods.engines.local.policy import Policy
from methods.engines.local.teacher_weights import Adapter, adapter_swapped, frozen
from methods.engines.shared.prefix_values import line_ends
from methods.engines.shared.prompts import Prompt
from methods.engines.shared.responses import Responses
from methods.shared.prefixes import before_end

ADAPTER, HEAD = "adapter.safetensors", "head.safetensors"


@dataclass(frozen=True)
class StepScores:
    """Scores prefixes that end with a line."""

    adapter: Adapter
    weight: Float[Tensor, "1 hidden"]
    bias: Float[Tensor, " 1"]

    @staticmethod
    def load(folder: Path, policy: Policy) -> StepScores:
        """Read what :meth:`save` wrote; DataError if it is missing, broken or of another base model."""
        head = read_tensors(folder / HEAD, policy)
        return StepScores(read_adapter(folder / ADAPTER, policy), head["weight"], head["bias"])

    def save(self, folder: Path) -> None:
        """Write adapter and head to ``folder``."""
        write_tensors(folder / ADAPTER, self.adapter)
        write_tensors(folder / HEAD, {"weight": self.weight, "bias": self.bias})

    @property
    def pairs(self) -> StoredPairs | None:
        """None: a reward model keeps no pairs of rollouts."""
        return None

    def ask(
        self, policy: Policy, method: Method, contexts: Sequence[Prompt], responses: Responses, rollouts: Rollouts,
        size: int,
    ) -> dict[str, Tensor]:  # fmt: skip
        """Scores at the ends of lines, in [0, 1]: "known" (B, T), "prefix" (B, T), and "start" (B,), of the prompt."""
        return self.scores(policy, contexts, responses, method.score_dtype, size)

    def scores(
        self, policy: Policy, contexts: Sequence[Prompt], responses: Responses, dtype: str, size: int
    ) -> dict[str, Tensor]:
        """The same for any responses; ``contexts``: the prompt of each."""
        known = scored_places(policy, responses)
        scores = torch.zeros_like(responses.mask)
        rows = torch.arange(len(scores), device=policy.device)
        with autocast(policy, dtype), adapter_swapped(policy, self.adapter), frozen(policy):
            for chunk in chunks(policy, contexts, rows, responses, size):
                found = linear(chunk.hidden.float(), self.weight, self.bias)[..., 0].sigmoid()
                scores[chunk.rows, : found.shape[1]] = found.to(scores.dtype)
        return {"known": known, "prefix": after(scores) * known, "start": scores[:, 0]}


def scored_places(policy: Policy, responses: Responses) -> Bool[Tensor, "B T"]:
    """Tokens that end a line but not the response: the prefixes up to them are scored, and get labels."""
    return line_ends(policy.processor.tokenizer, responses) & before_end(responses.mask)


def after(before: Float[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    """What stands after each token, given what stands before each; 0 after the last column."""
    return pad(before, (0, 1))[:, 1:]
