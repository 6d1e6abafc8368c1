"""CEPO: weigh each token by how much a teacher shown the right answer and one shown a wrong answer disagree about it.

arXiv:2605.19436, section 3. Evidence is log P+ - log P-. In a group without a wrong answer P- is the student, which
makes it RLSD. Once lam is 0 it is GRPO. The rows of Table 5 are combinations of the options ``right`` and ``wrong``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from methods.base import Rollouts, Teacher, TokenCredit
from methods.shared.chooser import Choose
from methods.shared.credit import shuffled
from methods.shared.references import other_problem, right_answer, right_rollout, wrong_answer, wrong_rollout

PRESETS = {
    "released": {
        "eps_w": 0.2,  # experiments/geo/cepo.sh:31
        "teacher_image": False,  # verl/trainer/ray_trainer.py:688-690; verl/workers/actor/dp_actor.py:296-303
        "teacher_positions": "arange",  # ray_trainer.py:705-723
        "neg_unboxed": "none_str",  # ray_trainer.py:592-594, 658 and mathruler's extract_boxed_content
        "empty_neg": "right",  # ray_trainer.py:647-648
    },
}


@dataclass(frozen=True)
class Cepo(TokenCredit):
    """Paper section 4 and Table 6: lr 5e-6, lam 0.5 fading over 25 steps, eps_w 0.5 (released cepo.sh:31: 0.2)."""

    lr: float = 5e-6  # paper section 4: five times the other methods'
    right: Literal["answer", "full", "prefix", "suffix"] = "answer"  # what P+ is shown; Table 5
    wrong: Literal["answer", "full", "prefix", "suffix", "other_problem"] = "answer"  # what P- is shown; Table 5
    cot_k: int = 512  # tokens of a prefix or suffix; released scripts (the paper gives no number)
    suffix_bug: bool = False  # True: suffixes of rollouts shorter than cot_k are empty (released ray_trainer.py:622)
    neg_pick: Literal["first_min_reward", "modal_wrong", "random"] = "first_min_reward"  # which wrong rollout
    neg_unboxed: Literal["skip", "none_str", "head50"] = "skip"  # wrong rollouts without a boxed answer
    exclude_self: bool = False  # True: never show a rollout its own answer or text
    empty_neg: Literal["student", "right"] = "student"  # P- where there is no wrong answer; right: weight 1
    evidence_order: Literal["contrast", "shuffled"] = "contrast"  # control: shuffle the evidence within each response

    def teachers(self) -> dict[str, Teacher]:
        """Two teachers: one is shown a right answer or rollout, the other a wrong one."""
        return {"right": self.teacher(self._choose_right()), "wrong": self.teacher(self._choose_wrong())}

    def evidence(self, batch: Rollouts) -> Float[Tensor, "B T"]:
        """Return log P+ - log P- of each token, in nats."""
        right, wrong = batch.teacher_logp("right"), batch.teacher_logp("wrong")
        if self.empty_neg == "right":
            wrong = wrong.where(batch.has["wrong"][:, None], right)
        contrast = right - wrong
        return contrast if self.evidence_order == "contrast" else shuffled(contrast, batch.mask, batch.seed)

    def _choose_right(self) -> Choose:
        if self.right == "answer":
            return right_answer
        options = {"k": self.cot_k, "suffix_bug": self.suffix_bug, "exclude_self": self.exclude_self}
        return partial(right_rollout, part=self.right, **options)

    def _choose_wrong(self) -> Choose:
        if self.wrong == "other_problem":
            return other_problem
        options = {"pick": self.neg_pick, "unboxed": self.neg_unboxed, "exclude_self": self.exclude_self}
        if self.wrong == "answer":
            return partial(wrong_answer, **options)
        return partial(wrong_rollout, part=self.wrong, k=self.cot_k, suffix_bug=self.suffix_bug, **options)
