"""The order of rollouts that the released code updates in: balanced by length over GPUs."""

from __future__ import annotations

from collections.abc import Sequence

GPUS = 8  # experiments/geo/cepo.sh:5 of github.com/ahmedheakl/CEPO @7a9655d


def balanced(lengths: Sequence[int], parts: int = GPUS) -> list[list[int]]:
    """Distribute rows over ``parts`` of equal size (within one row) and about equal numbers of tokens.

    Rows are taken from the longest to the shortest; each goes to the part with the fewest tokens that still has room.
    Within a part rows keep their order. The released driver balances its ranks (verl/trainer/ray_trainer.py:451-466)
    with another heuristic for the same aim.
    """
    room = [len(lengths) // parts + (part < len(lengths) % parts) for part in range(parts)]
    shared: list[list[int]] = [[] for _ in range(parts)]
    tokens = [0] * parts
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        part = min((p for p in range(parts) if len(shared[p]) < room[p]), key=lambda p: (tokens[p], p))
        shared[part].append(row)
        tokens[part] += lengths[row]
    return [sorted(rows) for rows in shared]


def balanced_minibatches(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Return the rows of each update: every GPU cuts its part in order, as verl/workers/actor/dp_actor.py:338 does."""
    count = -(-len(lengths) // size)
    parts = balanced(lengths, min(GPUS, max(1, len(lengths) // count)))
    cuts = [[round(i * len(part) / count) for i in range(count + 1)] for part in parts]
    return [
        [row for part, at in zip(parts, cuts, strict=True) for row in part[at[i] : at[i + 1]]] for i in range(count)
    ]
