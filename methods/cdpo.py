"""cDPO: preference optimisation in which tokens of the wrong rollout count by how critical they are.

Paper: arXiv:2411.19943v3, section 3. Official code: github.com/chenzhiling9954/Critical-Tokens-Matter @228991e,
src/train/train_cdpo.py (loss), src/configs/train_config.py (options). A positive and a negative model are fine-tuned on
right and on wrong rollouts of the base (methods/engines/local/prepared/contrast.py); a token's score s is low where the
negative one likes it and the positive one does not. The loss of a pair is
-log sigmoid(scale * sum log-ratio(right) - scale * sum (1 - s) log-ratio(wrong)); the reference policy is the base.

Compared with the paper's formulas: the score is equation 1 with its beta of 1.0, log Z the softmax over the vocabulary;
the loss is that of section 3.2 (phi and phi_s, not numbered), with the weight 1 - s on the wrong rollout only; the
choice of rollouts is that of section 3.1 (one right one, and wrong answers by frequency up to half of all wrong ones),
where the code, as here, also leaves out wrong answers that were given once, but for the first. Where paper and code
differ: the paper's scale of the log-ratios, gamma, is 1.0 (section 3.3), the code's 0.1; the paper sums over the tokens
within the sigmoid, the code compares the tokens of both rollouts place by place (train_cdpo.py:148-165): preset
``released``.

Departures: a step makes one update of ``prompts`` pairs, in a cell's schedule of learning rate, instead of three
epochs in updates of eight pairs; where places are compared, the mean is over the places of the longer rollout, in the
released code also over those of the prompt and of padding, which have no gradient. The paper samples 64 rollouts to a
problem, here ``prepared_rollouts``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from methods.base import Method, Rollouts
from methods.shared.preference import preference_credit
from methods.shared.prepared import ContrastOptions

PRESETS = {"released": {"pairing": "position"}, "on_policy": {"pairs": "rollouts"}}


@dataclass(frozen=True)
class Cdpo(ContrastOptions, Method):
    """Offline on the base's own pairs, as published; or on all pairs of right and wrong rollouts of each group."""

    prepared_problems: int = 256
    minibatch_prompts: int = 32  # all pairs of a step are one update, so its gradient is that of the published loss
    dual_clip: float = 0.0  # the published loss has no cap
    pairs: Literal["base", "rollouts"] = "base"
    pairing: Literal["sequence", "position"] = "sequence"
    preference_scale: float = 0.1  # train_config.py:54, beta; paper, section 3.3: gamma 1.0
    weigh_right: bool = False  # True: tokens of the right rollout count by their score s; train_config.py:62: only_neg

    def offline(self) -> bool:
        """Pairs of the base are drawn before training."""
        return self.pairs == "base"

    @torch.no_grad()
    def credit(self, batch: Rollouts, step: int) -> Float[Tensor, "B T"]:
        """Credit whose policy gradient is that of the loss, at the policy that the log-probs are of."""
        score, ratio = batch.prepared["score"], batch.logp["student"] - batch.prepared["reference"]
        right = score if self.weigh_right else torch.ones_like(score)
        weight = torch.where(batch.correct[:, None], right, 1 - score)
        asked = batch.advantage[:, None] != 0  # the networks were not shown the others
        return preference_credit(
            ratio * asked, weight * asked, batch.correct, batch.group, batch.mask, self.preference_scale, self.pairing
        )
