"""Named seed substreams: one cell seed reaches data, init, rollouts, references, mini-batches and validation."""

from __future__ import annotations

import zlib

import numpy as np

STREAMS = ("data", "init", "rollout", "reference", "minibatch", "validation", "hook", "redraw", "continuation")


def stream(seed: int, name: str, step: int = 0) -> int:
    """63-bit seed of the substream ``name`` at ``step``; the same for the same arguments, unrelated for others.

    Drawing per step instead of carrying a generator along means that a resumed run needs no saved generator state.
    """
    if name not in STREAMS:
        raise ValueError(f"unknown seed stream {name!r}; known: {', '.join(STREAMS)}")
    words = np.random.SeedSequence([seed, zlib.crc32(name.encode()), step]).generate_state(2, np.uint64)
    return int(words[0] >> np.uint64(1))


def generator(seed: int, name: str, step: int = 0) -> np.random.Generator:
    """numpy generator of :func:`stream`."""
    return np.random.default_rng(stream(seed, name, step))
