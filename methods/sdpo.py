"""SDPO: pull the policy's distribution towards a slowly moving teacher shown the answer or a successful peer.

The defaults are those of CEPO's paper: "JSD + EMA" with decay 0.999 (Table 7). The preset ``released`` is the official
SDPO code: the teacher reads a peer's solution, only the student's 100 likeliest tokens are compared one by one, and the
teacher follows the policy faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from methods.base import Rollouts, SelfDistillation, Teacher
from methods.shared.divergence import divergence, log_probs, top_k_and_tail
from methods.shared.references import peer_demo, right_answer
from methods.shared.surrogate import selected

PRESETS = {
    "released": {  # the official code, github.com/lasgroup/SDPO @0e6d510; CEPO released none
        # Its learning rate, 1e-5, is left to the world's config: rates do not carry over between model sizes.
        "optimizer": "adamw",
        "warmup_steps": 10,  # run_sdpo_all.sh
        "minibatch_prompts": 32,  # run_sdpo_all.sh: one update per rollout batch
        "loss_avg": "sequence",  # user.yaml: token mean over micro-batches of one sequence
        "context": "peer_demo",  # verl/trainer/ppo/ray_trainer.py:646-665
        "context_style": "user_turn",  # ray_trainer.py:691-722
        "ema_decay": 0.95,  # verl/trainer/config/actor/actor.yaml:105
        "ema_tick": "step",  # verl/workers/actor/dp_actor.py:918-920
        "top_k": 100,  # actor.yaml:90
        "is_clip": 2.0,  # actor.yaml:128
        "teacher_image": False,  # dp_actor.py:766-767 refuses images, ray_trainer.py:687 takes the prompt as text
    },
}


@dataclass(frozen=True)
class Sdpo(SelfDistillation):
    """Symmetric JSD over the full vocabulary, teacher an EMA of the policy per update (Table 7)."""

    teacher_weights: Literal["actor", "fixed", "ema", "synced"] = "ema"
    context: Literal["answer", "peer_demo"] = "answer"  # peer_demo: rollouts without another right one do not train
    divergence: Literal["forward_kl", "reverse_kl", "jsd"] = "jsd"
    beta: float = 0.5  # jsd: weight of the teacher in the mixture; Table 7
    top_k: int = 0  # compare the student's likeliest tokens and the rest as one; 0: full vocabulary; official: 100
    is_clip: float = 0.0  # weigh tokens by min(pi / pi_old, is_clip), 0 is off; official: 2

    def teachers(self) -> dict[str, Teacher]:
        """One teacher, shown the right answer or the first right rollout of a peer."""
        return {"right": self.teacher(right_answer if self.context == "answer" else peer_demo)}

    def loss(
        self, student_logits: Float[Tensor, "B T V"], teacher_logits: Float[Tensor, "B T V"], batch: Rollouts
    ) -> Float[Tensor, "B T"]:
        """Return the divergence at each response token of rollouts that have a reference, in nats; 0 elsewhere."""
        counted = batch.mask * batch.has["right"][:, None]
        if self.is_clip > 0:
            counted = counted * self._ratio(student_logits, batch).clamp(max=self.is_clip)
        if self.top_k > 0:
            student_logits, teacher_logits = top_k_and_tail(student_logits, teacher_logits, self.top_k)
        per_token = divergence(self.divergence, student_logits, teacher_logits, self.beta) * counted
        return selected(per_token, batch.mask)

    @torch.no_grad()
    def _ratio(self, student_logits: Float[Tensor, "B T V"], batch: Rollouts) -> Float[Tensor, "B T"]:
        """Return pi / pi_old of the sampled tokens at the temperature of the rollouts (core_algos.py:1168-1175)."""
        logp = log_probs(student_logits, self.temperature).gather(-1, batch.tokens[..., None])[..., 0]
        return torch.exp((logp - batch.logp["student"]).clamp(-20.0, 20.0))
