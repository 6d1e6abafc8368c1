"""Convert a batch of EasyR1 to the experience that methods work on, and write credit back into the batch."""

# pyright: reportMissingImports=false
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from verl.protocol import DataProto

from methods.base import Method, Teacher
from methods.engines.easyr1.batch_rows import CONTEXT, context_rows
from methods.engines.easyr1.data import NO_FEATURES
from methods.engines.shared.experience import Experience, as_rollouts, choose_references, teacher_context
from methods.engines.shared.prompts import Vision
from methods.engines.shared.responses import Responses
from methods.shared import seeding
from methods.shared.references import Member, Reference
from methods.shared.rewards import boxed_answer
from methods.shared.surrogate import selected

TeacherLogp = Callable[[DataProto], Tensor]  # rows under EasyR1's names -> (rows, T) nats
PIXELS = ("min_pixels", "max_pixels", "video_fps")


@dataclass(frozen=True)
class Interpreter:
    """Reads EasyR1's batches for a method."""

    method: Method
    tokenizer: Any
    end_tokens: Sequence[int]
    seed: int

    def read(self, batch: DataProto, step: int, gap: Tensor | None = None) -> Experience:
        """Return the rollouts of 0-based ``step``. Rows of ``batch`` are in order of their problems, group by group.

        ``gap`` (B, T) is how far vLLM's log-probs are from the policy's (methods/engines/shared/rollout_gap.py).
        Contexts stay in EasyR1's batch, hidden states of teachers stay with the workers, and EasyR1 counts timeouts.
        """
        method, tensors = self.method, batch.batch
        mask = tensors["response_mask"].float()
        rewards = tensors["token_level_scores"].sum(-1)
        members = self._members(tensors["responses"], mask, rewards)
        correct = torch.tensor([m.correct for m in members])
        group = torch.arange(len(members)) // method.group_size
        logp, truncated = selected(tensors["old_log_probs"], mask), self._truncated(tensors, mask).float()
        tokens = tensors["responses"] * mask.long()
        responses = Responses(tokens, mask, logp, selected(tensors["entropy"], mask), group, truncated, gap)
        rollouts = as_rollouts(method, responses, rewards, correct, seeding.stream(self.seed, "hook", step))
        return Experience([], responses, members, rollouts, torch.zeros(0), 0)

    def _truncated(self, tensors: Any, mask: Tensor) -> Tensor:  # noqa: ANN401 - a TensorDict
        """Responses that reached a limit, also those that EasyR1's padding ends (``cut_adds_end``)."""
        last = tensors["responses"].gather(1, (mask.sum(1).long() - 1)[:, None])[:, 0]
        unended = ~torch.isin(last, torch.tensor(list(self.end_tokens)))
        limit = self.method.max_model_len or math.inf
        return unended | (tensors["attention_mask"].sum(1) > limit)

    def _members(self, responses: Tensor, mask: Tensor, rewards: Tensor) -> list[Member]:
        ids = [tuple(row[: int(m.sum())].tolist()) for row, m in zip(responses, mask, strict=True)]
        texts = self.tokenizer.batch_decode([list(one) for one in ids], skip_special_tokens=True)
        # Right answers get 1 under both rewards, wrong ones 0 or 0.1 (methods/shared/rewards.py).
        return [
            Member(boxed_answer(text), value > 0.5, value, tokens, text)
            for text, value, tokens in zip(texts, rewards.tolist(), ids, strict=True)
        ]

    def contexts(self, teacher: Teacher, batch: DataProto, references: Sequence[Reference | None]) -> dict[str, Tensor]:
        """Make the rows of ``teacher``. A rollout without reference gets the student's prompt."""
        tensors, other = batch.batch, batch.non_tensor_batch
        visions = [[Vision(NO_FEATURES, (), grid) for grid in map(tuple, grids)] for grids in other["grids"]]
        prompts = [
            teacher_context(self.tokenizer, self.method, teacher, text, seen, reference)
            for text, seen, reference in zip(other["problem"], visions, references, strict=True)
        ]
        return context_rows(prompts, tensors["responses"], tensors["response_mask"], self.tokenizer.pad_token_id)


def ask_teachers(
    read: Interpreter, batch: DataProto, experience: Experience, step: int, ask: TeacherLogp, multiple: int
) -> Experience:
    """Add the log-probs of each teacher (credit), or put its contexts into ``batch`` for the workers (matching).

    The number of rows given to ``ask`` is a multiple of ``multiple``, because workers take equal shares and padded
    passes equal parts of a share.
    """
    method, rollouts = read.method, experience.rollouts
    truths = batch.non_tensor_batch["ground_truth"][:: method.group_size].tolist()
    logp, has = dict(rollouts.logp), dict(rollouts.has)
    for name, teacher in method.teachers().items():
        references = choose_references(method, teacher, experience.members, truths, read.seed, step)
        has[name] = torch.tensor([r is not None for r in references])
        if method.matches_distributions:
            rows = read.contexts(teacher, batch, references)
            batch.batch.update(dict(zip(CONTEXT, rows.values(), strict=True)))
            batch.meta_info |= {"weights": teacher.weights, "teacher_image": teacher.image}
        else:
            wanted = (has[name] & (rollouts.advantage != 0)).nonzero()[:, 0]
            logp[name] = torch.zeros_like(rollouts.mask)
            if len(wanted):
                found = _ask_some(read, teacher, batch, references, wanted, ask, multiple)
                logp[name][wanted] = selected(found, rollouts.mask[wanted])
    return replace(experience, rollouts=replace(rollouts, logp=logp, has=has))


def _ask_some(
    read: Interpreter, teacher: Teacher, batch: DataProto, references: Sequence[Reference | None], wanted: Tensor,
    ask: TeacherLogp, multiple: int,
) -> Tensor:  # fmt: skip
    """Log-probs of the ``wanted`` rows; the first is repeated until there are a ``multiple`` of them."""
    padded = torch.cat([wanted, wanted[:1].repeat(-len(wanted) % multiple)])
    some = batch[padded]
    rows = read.contexts(teacher, some, [references[i] for i in padded.tolist()])
    seen = {"uid": some.non_tensor_batch["uid"]}
    if teacher.image:
        seen["multi_modal_data"] = some.non_tensor_batch["multi_modal_data"]
    meta = {name: batch.meta_info[name] for name in PIXELS} | {"weights": teacher.weights}
    request = DataProto.from_dict(
        tensors=rows | {"responses": some.batch["responses"]}, non_tensors=seen, meta_info=meta
    )
    return ask(request)[: len(wanted)]


def put_back(batch: DataProto, experience: Experience, credit: Tensor | None) -> None:
    """Add columns for the workers: credit as EasyR1's advantages, or the fields that a matching loss needs."""
    rollouts, tensors = experience.rollouts, batch.batch
    tensors["old_log_probs"] = rollouts.logp["student"]
    if credit is not None:
        tensors["advantages"] = credit
        return
    tensors["advantages"] = torch.zeros_like(rollouts.mask)
    columns = {"group": rollouts.group, "reward": rollouts.reward, "correct": rollouts.correct}
    tensors.update(columns | {"advantage": rollouts.advantage} | {f"has_{k}": v for k, v in rollouts.has.items()})
    batch.meta_info["hook_seed"] = rollouts.seed


def in_problem_order(batch: DataProto) -> DataProto:
    """The rows in the order of their problems, whatever order the workers have them in."""
    return batch[np.argsort(np.asarray(batch.batch["row"]), kind="stable")]
