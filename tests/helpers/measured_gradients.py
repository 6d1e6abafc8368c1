"""Measured gradients as a run leaves them, from drawn vectors whose signal and noise are known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from contracts.gradients import GradientReport, write_gradients
from evals.gradient_estimates import estimate_gradients

NOISE = {"grpo": 1.0, "opsd": 1.0, "cepo": 1.1, "cepo/lam=1": 1.3, "oracle": 0.7, "pg": 1.0}  # per coordinate
ALONG = {"opsd": 0.0}  # cosine of an arm's expected gradient with the policy gradient; 1 for the others
BATCHES, LENGTH = 24, 64


def report(scale: str, state: str, seed: int) -> GradientReport:
    """What a measurement of the arms of :data:`NOISE` says of itself."""
    return GradientReport(
        methods=list(NOISE), batches=BATCHES, prompts=8, group_size=8, world="micro", scale=scale, model_name="Tiny",
        state=state, seed=seed, device="cpu", digest=f"{scale}{state}{seed}", differentiated="folded", numbers=LENGTH,
        dimension=LENGTH, accuracy=0.4, mixed=0.8, tokens=2000.0, labelled=0.9, seconds=100.0,
    )  # fmt: skip


def gram(seed: int) -> np.ndarray:
    """Products of gradients with a signal of length 4 and the noise of :data:`NOISE`, shared by all arms."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(BATCHES, LENGTH))
    found = np.zeros((BATCHES, len(NOISE), LENGTH))
    for place, (name, noise) in enumerate(NOISE.items()):
        own = noise * (0.9 * shared + 0.44 * rng.normal(size=shared.shape))
        cosine = ALONG.get(name, 1.0)
        own[:, 0] += 4 * cosine
        own[:, 1] += 4 * (1 - cosine**2) ** 0.5
        found[:, place] = own
    return np.einsum("bmd,cnd->bmcn", found, found)


def write_measured(
    results: Path,
    scales: Sequence[str] = ("small",),
    states: Sequence[str] = ("base",),
    seeds: Sequence[int] = (1,),
) -> Path:
    """The folder ``gradients`` of a results folder; returns it."""
    folders = []
    for number, (scale, state, seed) in enumerate((a, b, c) for a in scales for b in states for c in seeds):
        folders.append(results / "gradients" / scale / state / f"s{seed}")
        write_gradients(folders[-1], report(scale, state, seed), gram(number))
    estimate_gradients(folders, results / "gradients")
    return results / "gradients"
