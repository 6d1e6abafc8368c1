"""Sample responses: one pass over each prompt, then one token at a time for all rollouts that have not ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from methods.base import Method
from methods.engines.local.decoding import decoder
from methods.engines.local.kv_cache import DecodingCache
from methods.engines.local.policy import Policy, Prefix
from methods.engines.shared.prompts import Prompt, pad_prompts
from methods.engines.shared.responses import Responses, stacked
from methods.shared.divergence import tempered


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn."""

    temperature: float
    max_tokens: int
    copies: int = 1  # responses per prompt
    max_total: int = 0  # prompt and response together; 0: no further limit
    cut_adds_end: bool = False  # a response cut by ``max_total`` gets the padding token as one that ends it


def rollout_sampling(method: Method) -> Sampling:
    """How the method's rollouts are sampled, ``group_size`` per problem."""
    limits = (method.max_response, method.group_size, method.max_model_len, method.cut_adds_end)
    return Sampling(method.temperature, *limits)


class Sampler(Protocol):
    """A function that samples the responses of a run: :func:`roll_out`, or vLLM (vllm/rollout.py)."""

    def __call__(
        self, policy: Policy, prompts: Sequence[Prompt], sampling: Sampling, seed: int, size: int
    ) -> Responses:
        """Sample ``sampling.copies`` responses to each prompt, in prompt order. ``size``: rollouts in one pass."""
        ...


@torch.no_grad()
def roll_out(policy: Policy, prompts: Sequence[Prompt], sampling: Sampling, seed: int, size: int) -> Responses:
    """Sample ``sampling.copies`` responses to each prompt, about ``size`` rollouts at a time, in prompt order.

    A uniform number is drawn beforehand for every rollout and position, so that a rollout depends neither on when the
    others end nor on ``size``.
    """
    copies = sampling.copies
    shape = (len(prompts) * copies, sampling.max_tokens)
    uniforms = torch.from_numpy(np.random.default_rng(seed).random(shape)).to(policy.device)
    per_part = max(1, size // copies)
    parts = []
    for start in range(0, len(prompts), per_part):
        batch = pad_prompts(prompts[start : start + per_part], policy.pad_token, policy.device)
        prefix = policy.read(batch)
        owner = torch.arange(len(batch.ids), device=policy.device).repeat_interleave(copies)
        rows = uniforms[start * copies : (start + len(batch.ids)) * copies]
        parts.append(_Loop(policy, prefix, owner, sampling, rows).run())
    return stacked(parts)


class _Loop:
    """State of one decoding loop: which rows have not ended, and the tokens that have been sampled for all rows."""

    def __init__(self, policy: Policy, prefix: Prefix, owner: Tensor, sampling: Sampling, uniforms: Tensor) -> None:
        self.policy, self.prefix, self.owner, self.sampling, self.uniforms = policy, prefix, owner, sampling, uniforms
        shape = (len(owner), sampling.max_tokens)
        self.tokens = torch.zeros(shape, dtype=torch.long, device=policy.device)
        self.mask, self.logp, self.entropy = (torch.zeros(shape, device=policy.device) for _ in range(3))
        self.rows = torch.arange(len(owner), device=policy.device)  # rows that have not ended, in the buffers above
        self.ends = torch.tensor(policy.end_tokens, device=policy.device)
        fits = sampling.max_total - prefix.mask.sum(1).index_select(0, owner) if sampling.max_total else None
        self.room = torch.full_like(owner, sampling.max_tokens) if fits is None else fits.clamp(max=sampling.max_tokens)
        self.cut = (self.room < sampling.max_tokens) & sampling.cut_adds_end  # rows that get an end token at ``room``

    def run(self) -> Responses:
        """Decode until every row has ended or the limit is reached."""
        prefix, cache = self.prefix, DecodingCache(self.prefix.cache, self.owner, self.sampling.max_tokens)
        hidden = prefix.last_hidden.index_select(0, self.owner)
        mask, start = prefix.mask.index_select(0, self.owner), prefix.next_position.index_select(0, self.owner)
        finished = torch.zeros(len(self.owner), dtype=torch.bool, device=self.policy.device)
        decode = decoder(self.policy, int(start.max()) + self.sampling.max_tokens)
        for step in range(self.sampling.max_tokens):
            drawn = self._draw(hidden, step, finished)
            limit = self.room[self.rows] + self.cut[self.rows]
            finished = finished | torch.isin(drawn, self.ends) | (step + 1 >= limit)
            if finished.all() or step + 1 == self.sampling.max_tokens:
                break
            if finished.float().mean() > 0.125:  # copying the caches costs less than carrying an eighth of ended rows
                left = (~finished).nonzero()[:, 0]
                cache.keep(left)
                self.rows, mask, start = self.rows[left], mask[left], start[left]
                drawn, finished = drawn[left], finished[left]
            hidden = decode(drawn, step, cache, mask, start)
        return self._collect()

    def _draw(self, hidden: Float[Tensor, "K hidden"], step: int, finished: Tensor) -> Int[Tensor, " K"]:
        """Sample one token for each row in the caches and store it; rows that have ended store nothing."""
        logits = tempered(self.policy.logits(hidden), self.sampling.temperature)
        logp = logits.log_softmax(-1)
        allowed = logits.index_fill(1, self.policy.barred, float("-inf")).softmax(-1)
        cumulative = allowed.cumsum(-1, dtype=torch.float64)
        target = self.uniforms[self.rows, step, None] * cumulative[:, -1:]
        drawn = torch.searchsorted(cumulative, target, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)
        ended_here = self.cut[self.rows] & (self.room[self.rows] == step)
        drawn = torch.where(ended_here, self.policy.pad_token, drawn)
        alive = ~finished
        rows = self.rows[alive]
        self.tokens[rows, step] = drawn[alive]
        self.mask[rows, step] = 1.0
        self.logp[rows, step] = logp.gather(1, drawn[:, None])[alive, 0]
        self.entropy[rows, step] = -(logp.exp() * logp).sum(-1)[alive]
        return drawn

    def _collect(self) -> Responses:
        length = max(1, int(self.mask.sum(1).max()))
        last = self.tokens.gather(1, (self.mask.sum(1).long() - 1)[:, None])[:, 0]
        return Responses(
            tokens=self.tokens[:, :length],
            mask=self.mask[:, :length],
            logp=self.logp[:, :length],
            entropy=self.entropy[:, :length],
            owner=self.owner,
            truncated=(~torch.isin(last, self.ends) | (self.mask.sum(1) > self.room)).float(),
        )
