"""SPO-chain: the advantage of a segment between uncertain tokens is the difference of values at its ends.

Paper: arXiv:2505.23564, section 4. Official code: github.com/AIFrameResearch/SPO @b9fc6a2,
src/treetune/episode_generators/math_episode_generator_with_mc_advantages.py:927-929 (cut points),
src/treetune/trainers/ppo_trainer.py:1057-1059 (probability mask), configs/polIter_qwen05b_spo_chain_gsm8k.jsonnet.

Departures: no KL term to the base, as for every method here. Tokens outside the probability mask get no credit but stay
in the loss's mean over tokens, so a step's loss is smaller by one factor; AdamW takes most of that out again. The
official code leaves the tokens before the first cut without credit, here they get V(first cut) - V(prompt); all of them
are outside the mask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from methods.base import Method, PrefixValues, Rollouts
from methods.shared.prefixes import before_end, before_every, segment_advantage, uncertain


@dataclass(frozen=True)
class Spo(Method):
    """Costs ``continuations`` responses for each cut point of each rollout."""

    valued: ClassVar[bool] = True
    clip_high: float = 0.2  # configs/trainers/ppo_MATH.jsonnet: cliprange, on both sides
    dual_clip: float = 0.0  # the official loss has no cap
    continuations: int = 4  # polIter_qwen05b_spo_chain_gsm8k.jsonnet: num_mc_rollouts
    cut_interval: int = 5  # a cut before every fifth uncertain token; released default of cutpoint_interval
    cut_probability: float = 0.9  # a token is uncertain below it
    probability_mask: bool = True  # credit for uncertain tokens only; the paper's probability mask

    def prefix_values(self) -> PrefixValues:
        """The value at each cut point."""
        return PrefixValues(self.cuts, self.continuations)

    def cuts(self, batch: Rollouts) -> Bool[Tensor, "B T"]:
        """The token before the first of each ``cut_interval`` uncertain tokens."""
        marked = before_every(self._uncertain(batch), self.cut_interval)
        return marked & before_end(batch.mask)

    @torch.no_grad()
    def credit(self, batch: Rollouts, step: int) -> Float[Tensor, "B T"]:
        """Each uncertain token gets the advantage of its segment."""
        values = batch.values
        gained = segment_advantage(values["known"], values["prefix"], values["start"], batch.reward, batch.mask)
        return gained * self._uncertain(batch) if self.probability_mask else gained

    def _uncertain(self, batch: Rollouts) -> Bool[Tensor, "B T"]:
        return uncertain(batch.logp["student"], batch.mask, self.cut_probability)
