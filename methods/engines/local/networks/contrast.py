"""The positive and the negative model of contrastive estimation: two adapters on the base, and pairs of rollouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from methods.base import Method, Rollouts
from methods.engines.local.networks.protocol import StoredPairs
from methods.engines.local.networks.tensors import read_adapter, read_tensors, write_tensors
from methods.engines.local.passes import autocast, chunks, token_logp, tokens_at_once
from methods.engines.local.policy import Policy
from methods.engines.local.teacher_weights import Adapter, adapter_swapped, frozen
from methods.engines.shared.prompts import Prompt
from methods.engines.shared.responses import Responses
from methods.shared.preference import contrastive_score

POSITIVE, NEGATIVE, PAIRS = "positive.safetensors", "negative.safetensors", "pairs.safetensors"
FIELDS = ("tokens", "mask", "logp", "entropy", "truncated")  # of the pairs' rollouts


@dataclass(frozen=True)
class ContrastModels:
    """Finds critical tokens: those that the negative model likes and the positive one does not."""

    positive: Adapter
    negative: Adapter
    weight: float  # beta
    pairs: StoredPairs

    @staticmethod
    def load(folder: Path, policy: Policy, weight: float) -> ContrastModels:
        """Read what :meth:`save` wrote; DataError if it is missing, broken or of another base model."""
        read = read_tensors(folder / PAIRS, policy)
        owner = torch.arange(len(read["problem"]), device=policy.device).repeat_interleave(2)
        responses = Responses(**{name: read[name] for name in FIELDS}, owner=owner)
        positive, negative = (read_adapter(folder / name, policy) for name in (POSITIVE, NEGATIVE))
        return ContrastModels(positive, negative, weight, StoredPairs(read["problem"].tolist(), responses))

    def save(self, folder: Path) -> None:
        """Write adapters and pairs to ``folder``."""
        write_tensors(folder / POSITIVE, self.positive)
        write_tensors(folder / NEGATIVE, self.negative)
        kept = {name: getattr(self.pairs.responses, name) for name in FIELDS}
        write_tensors(folder / PAIRS, kept | {"problem": torch.tensor(self.pairs.problem, dtype=torch.long)})

    def ask(
        self, policy: Policy, method: Method, contexts: Sequence[Prompt], responses: Responses, rollouts: Rollouts,
        size: int,
    ) -> dict[str, Tensor]:  # fmt: skip
        """ "score" (B, T), in [0, 1], and "reference" (B, T), the base's log-probs in nats; 0 without an advantage."""
        score, reference = torch.zeros_like(responses.mask), torch.zeros_like(responses.mask)
        rows = (rollouts.advantage != 0).nonzero()[:, 0]
        asked = (policy, contexts, rows, responses, size)
        with autocast(policy, method.score_dtype):
            with frozen(policy, without_adapter=True):
                for chunk in chunks(*asked):
                    reference[chunk.rows, : chunk.mask.shape[1]] = token_logp(policy, chunk, method.temperature)
            with adapter_swapped(policy, self.positive), frozen(policy):
                hidden = {int(chunk.rows[0]): chunk.hidden for chunk in chunks(*asked)}
            with adapter_swapped(policy, self.negative), frozen(policy):
                for chunk in chunks(*asked):
                    valid = chunk.mask.bool()
                    both = (hidden.pop(int(chunk.rows[0]))[valid], chunk.hidden[valid])
                    found = self._scores(policy, *both, chunk.tokens[valid])
                    score[chunk.rows, : valid.shape[1]] = torch.zeros_like(chunk.mask).masked_scatter(valid, found)
        return {"score": score, "reference": reference}

    def _scores(
        self, policy: Policy, positive: Float[Tensor, "N hidden"], negative: Float[Tensor, "N hidden"],
        tokens: Int[Tensor, " N"],
    ) -> Float[Tensor, " N"]:  # fmt: skip
        """Scores of tokens from both models' hidden states, for some tokens at a time."""
        parts = zip(*(x.split(tokens_at_once(policy)) for x in (positive, negative, tokens)), strict=True)
        found = [contrastive_score(policy.logits(p), policy.logits(n), t, self.weight) for p, n, t in parts]
        return torch.cat(found)
