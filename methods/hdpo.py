"""HDPO: GRPO, and where all rollouts of a problem fail, distillation from the policy that is shown the answer.

There the policy that reads the answer samples rollouts of its own; the right ones are kept, and the student, which does
not read the answer, is pulled towards the teacher's token distributions on them:
loss = GRPO's + lambda * mean over the kept rollouts' tokens of JSD(teacher, student).

Paper: arXiv:2603.23871v1, section 3.2 and algorithm 1; hyper-parameters: appendix C, table 2. No code was released with
it. Departures: group advantages are those of GRPO here, divided by the standard deviation (algorithm 1, line 7); the
paper's runs have leave-one-out advantages (line 8), 16 rollouts to a problem and no cosine. An optimizer update takes
its share of a step's kept rollouts and their mean; the paper makes one update a step. Outside the teacher's likeliest
tokens the divergence is exact: 1/2 ln 2 for each unit of the student's probability; the paper writes ln 2, which is the
sum of the two halves of a JSD instead of their mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from methods.base import PrivilegedRollouts, Rollouts, SelfDistillation
from methods.shared.advantage import all_wrong_groups
from methods.shared.credit import uniform_credit
from methods.shared.divergence import jsd, only_top
from methods.shared.references import right_answer
from methods.shared.surrogate import selected

PRESETS = {
    "frozen": {"teacher_weights": "fixed"},  # section 4.1: "frozen at initialization"
    "strong": {"distil_weight": 0.1},  # section 4.2: better pass@8, worse pass@1
}


@dataclass(frozen=True)
class Hdpo(SelfDistillation):
    """Costs ``privileged_copies`` rollouts for each problem that no rollout solves, and a pass over the right ones."""

    tutored: ClassVar[bool] = True
    clip_high: float = 0.2  # table 2: ratio clip 0.2, on both sides
    dual_clip: float = 0.0  # the paper has no cap
    context_style: Literal["inline", "user_turn"] = "user_turn"  # section 2.4: "append ground truth to the prompt"
    distil_weight: float = 0.01  # lambda; section 4.2: the primary result. Table 2 also has 0.1
    privileged_copies: int = 8  # rollouts of the teacher per problem; the paper does not say how many
    top_k: int = 64  # of the teacher's tokens, renormalised; table 2. 0: all

    def privileged_rollouts(self) -> PrivilegedRollouts:
        """For problems that no rollout solved, from the policy that is shown the right answer."""
        return PrivilegedRollouts(self.teacher(right_answer), self.cliffs, self.privileged_copies)

    def cliffs(self, batch: Rollouts) -> Bool[Tensor, " N"]:
        """Problems of which every rollout is wrong."""
        return all_wrong_groups(batch.correct, batch.group)

    @torch.no_grad()
    def credit(self, batch: Rollouts, step: int) -> Float[Tensor, "B T"]:
        """The rollout's advantage on each of its tokens, as in GRPO."""
        return uniform_credit(batch.advantage, batch.mask)

    def distil(
        self, student_logits: Float[Tensor, "B T V"], teacher_logits: Float[Tensor, "B T V"], batch: Rollouts
    ) -> Float[Tensor, "B T"]:
        """Lambda times the JSD of teacher and student at each token, in nats."""
        teacher = only_top(teacher_logits, self.top_k) if self.top_k else teacher_logits
        return self.distil_weight * selected(jsd(student_logits, teacher), batch.mask)
