"""Kinds of models that are prepared: trained from the base before the methods that need them. No torch.

A method that needs one inherits the options of its kind beside ``Method``: ``class Prm(StepScorerOptions, Method)``.
These options and those of :data:`OF_ROLLOUTS` decide the model. Methods and variants with the same values share it.
What trains each kind is named in ``methods/engines/registry.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

# Options of ``Method`` that decide which rollouts the base makes and how an adapter is trained on them.
OF_ROLLOUTS = (
    "temperature", "max_prompt", "max_response", "max_model_len", "cut_adds_end", "student_image", "prompt_template",
    "grader", "score_dtype", "lora_rank", "lora_alpha", "weight_decay", "grad_clip",
)  # fmt: skip


@dataclass(frozen=True)
class PreparedOptions:
    """Options of every kind: the rollouts of the base that a model learns from, and how it is trained."""

    networks: ClassVar[int]  # sets of weights in a model of this kind
    prepared_problems: int = 64  # training problems that the base answers
    prepared_rollouts: int = 8  # responses to each
    prepared_lr: float = 1e-4  # peak learning rate of AdamW; 10 % warm-up, then cosine
    prepared_epochs: int = 1  # passes over the examples
    prepared_batch: int = 16  # rollouts in an update


@dataclass(frozen=True)
class StepScorerOptions(PreparedOptions):
    """A process reward model: an adapter and a head that say after each line how likely a right answer still is.

    Labels are made as by Math-Shepherd (arXiv:2312.08935, section 3): from the end of each line the base goes on
    ``prepared_continuations`` times. The network is trained by cross-entropy on what these come to.
    """

    prepared: ClassVar[str] = "step_scorer"
    networks: ClassVar[int] = 1
    prepared_continuations: int = 4  # N; Math-Shepherd: 8
    prepared_labels: Literal["hard", "soft"] = "hard"  # hard: is any of them right? soft: the share of right ones


@dataclass(frozen=True)
class ContrastOptions(PreparedOptions):
    """Two adapters, fine-tuned on right and on wrong rollouts of the base, and one pair of rollouts for each problem.

    arXiv:2411.19943, section 3; github.com/chenzhiling9954/Critical-Tokens-Matter @228991e, src/train/train_sft.py.
    """

    prepared: ClassVar[str] = "contrast"
    networks: ClassVar[int] = 2
    prepared_lr: float = 3e-4  # src/configs/train_config.py:29
    prepared_batch: int = 6  # src/configs/train_config.py:30
    prepared_wrong_share: float = 0.5  # share of a problem's wrong answers to learn from; src/configs/data_config.py:89
    contrast_weight: float = 1.0  # beta: a token's score is softmax((1 + beta) log p - beta log q); src/pipeline.py:228


KINDS: dict[str, type[PreparedOptions]] = {"step_scorer": StepScorerOptions, "contrast": ContrastOptions}


def deciding(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a method's ``options`` that decide its prepared model of this kind."""
    names = [*OF_ROLLOUTS, *(field.name for field in fields(KINDS[kind]))]
    return {name: options[name] for name in names}
