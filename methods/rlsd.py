"""RLSD: weigh each token by how much likelier it gets once the policy is shown the right answer (arXiv:2604.03128).

Evidence is log P+ - log P_S: the log-prob of a token with the reference r+ in the context, minus that without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from methods.base import Rollouts, Teacher, TokenCredit
from methods.shared.references import blank, right_answer

PRESETS = {
    "released": {
        "lam_clock": "from_one",  # verl/trainer/ray_trainer.py:891-903: 0.48 at the first step
        "privileged": "blank_bug",  # ray_trainer.py:771 reads a column that dataset.py:313 has renamed
    },
}


@dataclass(frozen=True)
class Rlsd(TokenCredit):
    """lam 0.5 over 25 steps as CEPO's comparison ran it (experiments/geo/rlsd.sh:25-27); the RLSD paper has 50."""

    eps_w: float = 0.2  # RLSD paper; rlsd.sh:27
    privileged: Literal["gt_answer", "blank_bug"] = "gt_answer"  # released code: a lone space (ray_trainer.py:771)

    def teachers(self) -> dict[str, Teacher]:
        """One teacher, shown the right answer."""
        return {"right": self.teacher(right_answer if self.privileged == "gt_answer" else blank)}

    def evidence(self, batch: Rollouts) -> Float[Tensor, "B T"]:
        """Return log P+ - log P_S of each token, in nats."""
        return batch.teacher_logp("right") - batch.logp["student"]
