"""OPSD: pull the policy's whole next-token distribution towards that of a teacher shown the right answer.

CEPO's paper describes it as "per-token KL divergence to a correct-answer teacher" (section 4, Table 7); it needs
neither rewards nor groups. OPSD's official code is github.com/siyan-zhao/OPSD @590ec26. It trains on text without
images and shows the teacher written solutions, which Geo3k does not have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from methods.base import Rollouts, SelfDistillation, Teacher
from methods.shared.divergence import divergence
from methods.shared.references import right_answer
from methods.shared.surrogate import selected

PRESETS = {
    "released": {  # the authors' own code, scripts/run_opsd.sh and opsd_trainer.py @590ec26; CEPO released none
        # Its learning rate, 2e-4, is left to the world's config: rates do not carry over between model sizes.
        "lora_rank": 64,
        "lora_alpha": 128,
        "optimizer": "adamw",
        "temperature": 1.1,
        "rollout_top_p": 0.95,
        "rollout_top_k": 20,
        "tau": 1.1,  # opsd_trainer.py:726: the sampling temperature
        "divergence": "jsd",
        "teacher_weights": "fixed",
        "context_style": "user_turn",  # data_collator.py:81-88
        "group_size": 1,
        "minibatch_prompts": 32,
    },
}


@dataclass(frozen=True)
class Opsd(SelfDistillation):
    """Forward KL over the full vocabulary (paper Table 7); the paper states no teacher weights, tau or clip."""

    divergence: Literal["forward_kl", "reverse_kl", "jsd"] = "forward_kl"  # official scripts @590ec26: jsd
    beta: float = 0.5  # jsd: weight of the teacher in the mixture; official scripts
    tau: float = 1.0  # temperature of both distributions; official: the sampling temperature
    token_clip: float = 0.0  # cap of each vocabulary entry's term, 0 is none; official since March 2026: 0.05

    def teachers(self) -> dict[str, Teacher]:
        """One teacher, shown the right answer."""
        return {"right": self.teacher(right_answer)}

    def loss(
        self, student_logits: Float[Tensor, "B T V"], teacher_logits: Float[Tensor, "B T V"], batch: Rollouts
    ) -> Float[Tensor, "B T"]:
        """Return the divergence of student and teacher at every response token, in nats."""
        per_token = divergence(self.divergence, student_logits, teacher_logits, self.beta, self.tau, self.token_clip)
        return selected(per_token, batch.mask)
