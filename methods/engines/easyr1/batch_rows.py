"""Rows of an EasyR1 batch: their order over the workers, and rows with a teacher's prompts and the same responses."""

# pyright: reportMissingImports=false
from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor
from verl.protocol import DataProto
from verl.utils.seqlen_balancing import get_seqlen_balanced_partitions

from methods.engines.shared.prompts import Prompt, pad_prompts

STANDARD = ("input_ids", "attention_mask", "position_ids")  # EasyR1's names
CONTEXT = tuple(f"teacher_{name}" for name in STANDARD)  # the teacher's, for distribution matching


def context_rows(
    prompts: Sequence[Prompt], responses: Int[Tensor, "B T"], mask: Int[Tensor, "B T"], pad: int
) -> dict[str, Tensor]:
    """Make rows with EasyR1's names: left-padded prompts, then the responses as sampled; positions are (B, 4, L).

    Position row 0 counts a row's tokens from 0, rows 1-3 are the prompts' own and go on after them. Responses stay
    at the end, where EasyR1 looks for them.
    """
    batch = pad_prompts(prompts, pad, responses.device)
    after = torch.arange(responses.shape[1], device=responses.device)
    lengths = batch.mask.sum(1)
    counted = (batch.mask.cumsum(1) - 1).clamp(min=0)
    text = torch.cat([counted, lengths[:, None] + after], dim=1)
    rope = torch.cat([batch.positions, (batch.next_position[:, None] + after).expand(3, -1, -1)], dim=2)
    return {
        "input_ids": torch.cat([batch.ids, responses], dim=1),
        "attention_mask": torch.cat([batch.mask.to(mask.dtype), mask], dim=1),
        "position_ids": torch.cat([text[None], rope]).transpose(0, 1).contiguous(),
    }


def teacher_rows(data: DataProto) -> DataProto:
    """Return the teacher's columns of a batch, with EasyR1's names."""
    tensors = {name: data.batch[other] for name, other in zip(STANDARD, CONTEXT, strict=True)}
    seen = {}
    if data.meta_info["teacher_image"] and "multi_modal_inputs" in data.non_tensor_batch:
        seen["multi_modal_inputs"] = data.non_tensor_batch["multi_modal_inputs"]
    return DataProto.from_dict(
        tensors={**tensors, "responses": data.batch["responses"]}, non_tensors=seen, meta_info=dict(data.meta_info)
    )


def worker_order(minibatches: Sequence[Tensor], lengths: Sequence[int], workers: int) -> list[int]:
    """Order rows by worker, so that EasyR1 gives each worker its part of every mini-batch.

    EasyR1 gives each worker consecutive rows and the worker cuts them into mini-batches in turn. Within a mini-batch
    the parts are of equal size and about equal in tokens.
    """
    dealt: list[list[int]] = [[] for _ in range(workers)]
    for rows in minibatches:
        chosen = [lengths[row] for row in rows.tolist()]
        parts = get_seqlen_balanced_partitions(chosen, k_partitions=workers, equal_size=True)
        for worker, part in enumerate(parts):
            dealt[worker] += rows[torch.tensor(part)].tolist()
    return [row for part in dealt for row in part]
