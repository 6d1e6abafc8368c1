"""DAPO: GRPO with a wider upper clip, groups drawn again until they are mixed, and a penalty on overlong responses.

Paper: arXiv:2503.14476. Official code: github.com/BytedTsinghua-SIA/DAPO @33fe317 points to the recipe of verl,
github.com/verl-project/verl-recipe @48ea0a7, dapo/run_dapo_qwen2.5_32b.sh and dapo/dapo_ray_trainer.py.

Departures: the recipe draws three times as many problems as a step trains on and stops with an error after ten such
batches without enough mixed groups; here each draw asks for as many problems as mixed groups are missing, and after the
last one the step goes on with what it has. Weight decay, warm-up and sizes are those of the other methods.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from methods.base import Method, Rollouts
from methods.shared.credit import uniform_credit


@dataclass(frozen=True)
class Dapo(Method):
    """Decoupled clip and token-level loss are the inherited defaults: ``clip_low``, ``clip_high`` and ``loss_avg``."""

    dual_clip: float = 10.0  # run_dapo_qwen2.5_32b.sh: clip_ratio_c; the paper has no such cap
    dynamic_sampling: bool = True  # paper section 3.2: over-sample and filter out groups that are all right or wrong
    max_draws: int = 10  # batches of problems drawn in one step at most; released: max_num_gen_batches
    wrong_reward: float = -1.0  # reward of a wrong answer, where a right one has 1; paper equation 7
    overlong_share: float = 0.2  # last part of max_response that is penalised; released: 4,096 of 20,480 tokens
    overlong_penalty: float = 1.0  # taken from the reward of a response of max_response tokens; 0 turns it off

    def draws(self) -> int:
        """Dynamic sampling, up to ``max_draws`` batches of problems."""
        return self.max_draws if self.dynamic_sampling else 1

    def shaped_reward(self, reward: Float[Tensor, " B"], length: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Paper equations 7 and 13: the outcome in [wrong_reward, 1], less a penalty that grows with the length."""
        outcome = self.wrong_reward + (1.0 - self.wrong_reward) * reward
        buffer = max(1.0, self.overlong_share * self.max_response)
        beyond = (length - (self.max_response - buffer)).clamp(min=0) / buffer
        return outcome - self.overlong_penalty * beyond.clamp(max=1.0).to(reward.dtype)

    def credit(self, batch: Rollouts, step: int) -> Float[Tensor, "B T"]:
        """The rollout's advantage on each of its tokens, as in GRPO."""
        return uniform_credit(batch.advantage, batch.mask)
