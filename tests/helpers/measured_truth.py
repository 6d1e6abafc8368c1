"""Measured advantages of tokens as a run leaves them, from drawn truths whose agreement with credit is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from contracts.truth import ArmFacts, TruthReport, TruthRollout, write_truth
from evals.truth_estimates import estimate_truth

ALONG = {"cepo": 0.5, "opsd": -0.3, "vineppo": 0.8}  # correlation of an arm's credit with the truth
LEAK = {"grpo": 0.0, "cepo": 2e-16, "opsd": 1.2, "vineppo": 0.0}
PROBLEMS, TOKENS, NOISE = 20, 30, 0.5


def rollouts(scale: str, state: str, seed: int) -> list[TruthRollout]:
    """A right and a wrong rollout of each problem; GRPO's credit is the same for all tokens of a rollout."""
    rng, made = np.random.default_rng(seed), []
    for place in range(2 * PROBLEMS):
        truth = rng.normal(size=TOKENS)
        first, second = truth + NOISE * rng.normal(size=(2, TOKENS))
        credit = {"grpo": [1.0 - 2.0 * (place % 2)] * TOKENS}
        for name, along in ALONG.items():
            credit[name] = (along * truth + (1 - along**2) ** 0.5 * rng.normal(size=TOKENS)).tolist()
        made.append(
            TruthRollout(
                scale=scale, state=state, seed=seed, problem=f"p{place // 2}", correct=place % 2 == 0,
                tokens=[f"w{i}$ " for i in range(TOKENS)], first=first.tolist(), second=second.tolist(),
                error=[NOISE / 2**0.5] * TOKENS, entropy=[0.1] * TOKENS, decisive=(truth > 1).tolist(),
                slipped=(truth < -1).tolist(), credit=credit,
            )
        )  # fmt: skip
    return made


def report(scale: str, state: str, seed: int) -> TruthReport:
    """What the measurement says of itself."""
    arms = [
        ArmFacts(name=name, privileged=name in ("cepo", "opsd"), leak=leak, values=0.0 if name == "grpo" else 0.9,
                 networks=0)
        for name, leak in LEAK.items()
    ]  # fmt: skip
    return TruthReport(
        world="micro", scale=scale, model_name="Tiny", state=state, seed=seed, device="cpu",
        digest=f"{scale}{state}{seed}", prompts=PROBLEMS, group_size=8, continuations=16, accuracy=0.4,
        rollouts=2 * PROBLEMS, tokens=2 * PROBLEMS * TOKENS, sampled=1000, seconds=10.0, arms=arms,
    )  # fmt: skip


def write_measured_truth(results: Path, scales: Sequence[str] = ("small",), seeds: Sequence[int] = (1,)) -> Path:
    """The folder ``truth`` of a results folder; returns it."""
    folders = []
    for scale, seed in ((scale, seed) for scale in scales for seed in seeds):
        folders.append(results / "truth" / scale / "base" / f"s{seed}")
        write_truth(folders[-1], report(scale, "base", seed), rollouts(scale, "base", seed))
    estimate_truth(folders, results / "truth")
    return results / "truth"
