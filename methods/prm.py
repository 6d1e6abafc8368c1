"""PRM: credit from the scores of a process reward model, which is trained from the base by automatic labels.

The model: Math-Shepherd, arXiv:2312.08935 (methods/engines/local/prepared/step_scorer.py); no code for its training is
public. From scores to advantages of tokens there are two published recipes:

- ``scores``: GRPO with process supervision, DeepSeekMath (arXiv:2402.03300), section 4.1.3. The scores of all steps of
  a group are normalised, and a token gets the sum of those of the steps that end at it or later.
- ``progress``: advantages of progress, Setlur et al. (arXiv:2410.08146), section 3. A token gets the advantage of its
  rollout's outcome and ``progress_weight`` times the difference of the scores after and before its step.

Departures: steps are lines. The last step has no score of its own: the verified reward stands for it, which is what its
label would be. The prover of the progress is the base, not best-of-K of a base. No KL term to the base, as for every
method here.
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
    progress_weight: float = 1.0  # alpha of Setlur et al., in rewards of a right answer

    @torch.no_grad()
    def credit(self, batch: Rollouts, step: int) -> Float[Tensor, "B T"]:
        """The advantage of each token by the recipe ``step_credit``."""
        told = batch.prepared
        if self.step_credit == "progress":
            gained = segment_advantage(told["known"], told["prefix"], told["start"], batch.reward, batch.mask)
            return uniform_credit(batch.advantage, batch.mask) + self.progress_weight * gained
        scores, ends = with_outcome(told["known"], told["prefix"], batch.reward, batch.mask)
        return steps_to_come(normalised_step_rewards(scores, ends, batch.group), batch.mask)
