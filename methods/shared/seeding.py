"""Random streams by name. Each use of chance in a cell (data, init, ...) has its own, from the cell's seed."""

from __future__ import annotations

import zlib

import numpy as np

STREAMS = (
    "data", "init", "rollout", "reference", "minibatch", "validation", "hook", "redraw", "continuation", "prepare",
    "privileged", "truth", "branch",
)  # fmt: skip


def stream(seed: int, name: str, step: int = 0) -> int:
    """Return the 63-bit seed of the stream ``name`` at ``step``. Equal arguments give equal seeds.

    Each step has a seed of its own, so a resumed run needs no saved state of a generator.
    """
    if name not in STREAMS:
        raise ValueError(f"unknown seed stream {name!r}; known: {', '.join(STREAMS)}")
    words = np.random.SeedSequence([seed, zlib.crc32(name.encode()), step]).generate_state(2, np.uint64)
    return int(words[0] >> np.uint64(1))


def generator(seed: int, name: str, step: int = 0) -> np.random.Generator:
    """Return a numpy generator that starts from :func:`stream`."""
    return np.random.default_rng(stream(seed, name, step))
