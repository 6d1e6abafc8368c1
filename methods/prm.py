"""PRM: credit from the scores of a process reward model, which is trained from the base by automatic labels.

The model: Math-Shepherd, arXiv:2312.08935 (methods/engines/local/prepared/step_scorer.py); no code for its training is
public. From scores to advantages of tokens there are two published recipes:

- ``scores``: GRPO with process supervision, DeepSeekMath (arXiv:2402.03300), section 4.1.3. The scores of all steps of
  a group are normalised, and a token gets the sum of those of the steps that end at it or later.
- ``progress``: advantages of progress, Setlur et al. (arXiv:2410.08146), section 3. A token gets the advantage of its
  rollout's outcome and ``progress_weight`` times the difference of the scores after and before its step.

Compared with the formulas of Setlur et al.: the difference of scores is A of equation 2 under the prover, V before a
step being Q of the step before; outcome + alpha * A is the effective reward of equation 5, with the group advantage
in the place of Q under the policy, which is its estimate from one rollout less a baseline, over the group's
deviation. The prover is the base: for RL the paper takes supervised policies, the 2B one its best (section 5), and
best-of-4 for search. A label ``hard`` asks whether any of N continuations is right, so its score is the value of the
base's best-of-N, 1 - (1 - Q)^N (section 2); ``soft`` scores are those of the base itself. With the policy as its own
prover equation 5 would add nothing (section 3.2); here the policy moves away from the prover. alpha is 5.0 for the
paper's 2B and 3.0 for its 9B model, and 0.5 to 6.0 helped (appendix E); here 1.0.

Departures: steps are lines. The last step has no score of its own: the verified reward stands for it, which is what its
label would be. No KL term to the base, as for every method here. Of Setlur et al.: no value network as a baseline; the
scorer learns from plain rollouts, not from those around the first step that spoils a solution (appendix D).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from methods.base import Method, Rollouts
from methods.shared.credit import uniform_credit
from methods.shared.prefixes import segment_advantage
from methods.shared.prepared import StepScorerOptions
from methods.shared.step_rewards import normalised_step_rewards, steps_to_come, with_outcome

PRESETS = {"progress": {"step_credit": "progress"}}


@dataclass(frozen=True)
class Prm(StepScorerOptions, Method):
    """Costs the preparation of the network, once for all cells that share it, and a pass of it over each rollout."""

    step_credit: Literal["scores", "progress"] = "scores"
    progress_weight: float = 1.0  # alpha of Setlur et al., who have 5.0 and 3.0; in rewards of a right answer

    @torch.no_grad()
    def credit(self, batch: Rollouts, step: int) -> Float[Tensor, "B T"]:
        """The advantage of each token by the recipe ``step_credit``."""
        told = batch.prepared
        if self.step_credit == "progress":
            gained = segment_advantage(told["known"], told["prefix"], told["start"], batch.reward, batch.mask)
            return uniform_credit(batch.advantage, batch.mask) + self.progress_weight * gained
        scores, ends = with_outcome(told["known"], told["prefix"], batch.reward, batch.mask)
        return steps_to_come(normalised_step_rewards(scores, ends, batch.group), batch.mask)
