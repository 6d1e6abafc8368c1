"""Which rollouts go into which optimizer update. It is the same in both engines."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Int
from torch import Tensor

from methods.base import Method
from methods.engines.shared.balance import balanced_minibatches
from methods.shared import seeding


def minibatches(
    method: Method, group: Int[Tensor, " B"], lengths: Int[Tensor, " B"], seed: int, step: int
) -> Iterator[Int[Tensor, " M"]]:
    """Indices of the rollouts of each update, about ``minibatch_prompts * group_size``, in order ``minibatch_order``.

    With ``keep_groups`` a group stays in one mini-batch. Otherwise its rollouts may fall into different ones, as in the
    released code, whose driver first orders rollouts to balance lengths (verl/trainer/ray_trainer.py:451-466).
    ``lengths``: response tokens.
    """
    generator = torch.Generator().manual_seed(seeding.stream(seed, "minibatch", step))
    if method.keep_groups:
        names = group.unique()
        order = names[torch.randperm(len(names), generator=generator)]
        for part in order.split(method.minibatch_prompts):
            yield torch.isin(group, part).nonzero()[:, 0]
    elif method.minibatch_order == "length_balanced":
        for rows in balanced_minibatches(lengths.tolist(), method.minibatch_prompts * method.group_size):
            yield torch.tensor(rows, device=group.device)
    else:
        order = torch.randperm(len(group), generator=generator).to(group.device)
        yield from order.split(method.minibatch_prompts * method.group_size)
