"""Which rollouts go into which mini-batch, and which worker gets them."""

# pyright: reportMissingImports=false
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from verl.utils.seqlen_balancing import get_seqlen_balanced_partitions


def worker_order(minibatches: Sequence[Tensor], lengths: Sequence[int], workers: int) -> list[int]:
    """Rows in the order in which EasyR1 deals them out: worker by worker, each with its part of every mini-batch.

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
