"""Rollouts that vLLM samples in a process of its own. The policy that is trained on them computes the log-probs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from methods.engines.local.adapter_folder import save_adapter
from methods.engines.local.passes import chunks, tokens_at_once
from methods.engines.local.policy import Policy
from methods.engines.local.sample import Sampling
from methods.engines.local.vllm.process import Worker
from methods.engines.local.vllm.settings import RolloutEngine
from methods.engines.shared.prompts import Prompt
from methods.engines.shared.responses import Responses
from methods.engines.shared.rollout_gap import compared, sampler_logp
from methods.shared.vllm import prompts_at_once, room_for

CURE = "does vLLM load the adapter? engine_settings.rollouts: hf needs no vLLM"
Sampled = list[tuple[list[int], list[float]]]  # token ids and log-probs at temperature 1, per response


class VllmRollouts:
    """A :class:`Sampler` with vLLM, whose process starts at the first rollout and ends with the ``with`` block."""

    def __init__(self, base: Path, settings: RolloutEngine, dtype: str, device: str, rank: int, longest: int) -> None:
        """``rank``: of the adapter. ``longest``: tokens of the longest prompt in training."""
        self.settings, self.dtype, self.device, self.longest = settings, dtype, device, longest
        self.options = {
            "model": str(base.resolve()),
            "dtype": dtype,
            "enable_lora": True,
            "max_lora_rank": room_for(rank),
            "max_loras": 1,
            "enable_mm_embeds": True,
            "limit_mm_per_prompt": {"video": 0},
            "gpu_memory_utilization": settings.gpu_memory_utilization,
            "enforce_eager": settings.enforce_eager,
            "disable_log_stats": True,
            **prompts_at_once(device),
        }
        self.folder = TemporaryDirectory(prefix="rollouts-")
        self.worker: Worker | None = None
        self.handed = 0  # adapters given to vLLM so far; vLLM loads one only if its number is new

    def __enter__(self) -> VllmRollouts:
        return self

    def __exit__(self, *_: object) -> None:
        if self.worker is not None:
            self.worker.close()
        self.folder.cleanup()

    @torch.no_grad()
    def __call__(
        self, policy: Policy, prompts: Sequence[Prompt], sampling: Sampling, seed: int, size: int
    ) -> Responses:
        """Like ``roll_out``. vLLM samples with the current adapter; the policy computes log-probs and entropies.

        Raises TrainError if vLLM did not sample from the policy's distribution, for example without the adapter.
        """
        sampled = self._sample(policy, prompts, sampling, seed)
        responses = assemble(policy, prompts, sampling, [ids for ids, _ in sampled])
        contexts = [prompts[owner] for owner in responses.owner.tolist()]
        logp, entropy, plain = score(policy, contexts, responses, sampling.temperature, size)
        told = sampler_logp([told for _, told in sampled], plain.shape[1])
        return replace(responses, logp=logp, entropy=entropy, gap=compared(plain, told, self.dtype, CURE))

    def _sample(self, policy: Policy, prompts: Sequence[Prompt], sampling: Sampling, seed: int) -> Sampled:
        if self.worker is None:
            self.worker = self._start(prompts, sampling)
        self.handed += 1
        adapter = Path(self.folder.name, f"adapter{self.handed}")
        save_adapter(policy, adapter)
        seeds = np.random.default_rng(seed).integers(2**62, size=len(prompts) * sampling.copies)
        owners = [i for i in range(len(prompts)) for _ in range(sampling.copies)]
        requests = [(i, own, room(prompts[i], sampling)) for i, own in zip(owners, seeds.tolist(), strict=True)]
        asked = {
            "adapter": (self.handed, str(adapter)),
            "barred": policy.barred.tolist(),
            "ends": policy.end_tokens,
            "temperature": sampling.temperature,
            "prompts": [plain_prompt(policy, prompt) for prompt in prompts],
            "requests": requests,
        }
        return self.worker.ask(asked)

    def _start(self, prompts: Sequence[Prompt], sampling: Sampling) -> Worker:
        """Start a worker that has room for these prompts, which may be those of validation, and for training's."""
        longest = max(self.longest, *(len(prompt.ids) for prompt in prompts))
        options = self.options | {"max_model_len": longest + sampling.max_tokens}
        return Worker(self.settings.python, self.device, options, Path(self.folder.name))


def room(prompt: Prompt, sampling: Sampling) -> int:
    """Return how many tokens a response to ``prompt`` may have."""
    left = sampling.max_total - len(prompt.ids) if sampling.max_total else sampling.max_tokens
    return min(left, sampling.max_tokens)


def assemble(
    policy: Policy, prompts: Sequence[Prompt], sampling: Sampling, sampled: Sequence[Sequence[int]]
) -> Responses:
    """Make responses from sampled token ids, in prompt order. Log-probs and entropies are still 0."""
    owner = [i for i in range(len(prompts)) for _ in range(sampling.copies)]
    rows, truncated = [], []
    for place, ids in zip(owner, sampled, strict=True):
        ended, limit = ids[-1] in policy.end_tokens, room(prompts[place], sampling)
        cut = sampling.cut_adds_end and not ended and limit < sampling.max_tokens
        rows.append(torch.tensor([*ids, policy.pad_token] if cut else list(ids)))
        truncated.append(float(not ended))
    tokens = pad_sequence(rows, batch_first=True).to(policy.device)
    mask = pad_sequence([torch.ones(len(row)) for row in rows], batch_first=True).to(policy.device)
    empty = torch.zeros_like(mask)
    where = torch.tensor(owner, device=policy.device)
    return Responses(tokens, mask, empty, empty, where, torch.tensor(truncated, device=policy.device))


def score(
    policy: Policy, contexts: Sequence[Prompt], responses: Responses, temperature: float, size: int
) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B T"], Float[Tensor, "B T"]]:
    """Log-probs and entropies at ``temperature``, and log-probs at temperature 1, in nats; padding is 0."""
    totals = [torch.zeros_like(responses.mask) for _ in range(3)]
    rows, tokens = torch.arange(len(responses.mask), device=policy.device), tokens_at_once(policy)
    for chunk in chunks(policy, contexts, rows, responses, size):
        valid = chunk.mask.bool()
        pieces = zip(chunk.hidden[valid].split(tokens), chunk.tokens[valid].split(tokens), strict=True)
        values = torch.cat([_of_tokens(policy.logits(h), t, temperature) for h, t in pieces], dim=1)
        for total, value in zip(totals, values, strict=True):
            total[chunk.rows, : valid.shape[1]] = torch.zeros_like(chunk.mask).masked_scatter(valid, value)
    return totals[0], totals[1], totals[2]


def _of_tokens(logits: Float[Tensor, "N V"], tokens: Int[Tensor, " N"], temperature: float) -> Float[Tensor, "3 N"]:
    plain, logp = logits.log_softmax(-1), (logits / temperature).log_softmax(-1)
    own = [x.gather(1, tokens[:, None])[:, 0] for x in (logp, plain)]
    return torch.stack([own[0], -(logp.exp() * logp).sum(-1), own[1]])


def plain_prompt(policy: Policy, prompt: Prompt) -> dict[str, Any]:
    """Make a prompt for the worker: one placeholder for each image, and the features that the policy has computed."""
    image = policy.config.image_token_id
    ids = [token for token, run in groupby(prompt.ids) for token in ([token] if token == image else run)]
    if not prompt.images:
        return {"ids": ids, "features": None, "grid": None}
    merge = policy.config.vision_config.spatial_merge_size
    features = torch.cat([torch.cat([v.tokens, *v.deepstack], dim=1) for v in prompt.images])
    grid = [(1, v.grid[0] * merge, v.grid[1] * merge) for v in prompt.images]
    return {"ids": ids, "features": features.float().cpu().numpy(), "grid": grid}
