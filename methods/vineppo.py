"""VinePPO: the advantage of a line of the response is the difference of values before and after it.

A value is the mean reward of responses that the policy samples from there on, not a critic's guess.
Paper: arXiv:2410.01679, section 4. Official code: github.com/McGill-NLP/VinePPO @efe7228,
src/treetune/episode_generators/math_episode_generator_with_mc_advantages.py:377-432 (values and advantages),
configs/polIter_rho1bSft2_vineppo_MATH.jsonnet and configs/trainers/ppo_MATH.jsonnet (options).

Departures: no KL term to the base (the official runs have 1e-4), as for every method here. Lines are the text between
line breaks; the official code also splits at sentences that it knows to begin a step. Advantages are whitened over a
step's responses; the official code does it over those of one forward pass (src/treetune/trainers/ppo_trainer.py:746).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from methods.base import Method, PrefixValues, Rollouts
from methods.shared.prefixes import before_end, segment_advantage, whitened


@dataclass(frozen=True)
class VinePpo(Method):
    """Costs ``continuations`` responses for each line of each rollout."""

    valued: ClassVar[bool] = True
    clip_high: float = 0.2  # configs/trainers/ppo_MATH.jsonnet: cliprange, on both sides
    dual_clip: float = 0.0  # the official loss has no cap
    continuations: int = 9  # K; polIter_rho1bSft2_vineppo_MATH.jsonnet: num_mc_rollouts
    whiten: bool = True  # advantages of a step are given mean 0 and variance 1; ppo_MATH.jsonnet: whiten_advantages

    def prefix_values(self) -> PrefixValues:
        """The value after each line."""
        return PrefixValues(self.lines, self.continuations)

    def lines(self, batch: Rollouts) -> Bool[Tensor, "B T"]:
        """Tokens that end a line; the end of the response needs no estimate. ValueError if the engine gave no lines."""
        if batch.line_ends is None:
            raise ValueError("vineppo needs Rollouts.line_ends")
        return batch.line_ends & before_end(batch.mask)

    @torch.no_grad()
    def credit(self, batch: Rollouts, step: int) -> Float[Tensor, "B T"]:
        """Each token gets the advantage of its line; paper section 4, with gamma = 1."""
        values = batch.values
        gained = segment_advantage(values["known"], values["prefix"], values["start"], batch.reward, batch.mask)
        return whitened(gained, batch.mask) if self.whiten else gained
