"""What every method shares: the options of a training run, the teachers it asks for, and its one hook.

A method is a frozen dataclass in ``methods/<name>.py`` that subclasses :class:`Method`. Its fields are its options; their
defaults are the paper's values. It implements ``credit`` (token advantages for the clipped surrogate) or ``loss``
(distribution matching), nothing else. Options are plain literals so that the workflow can read them without importing torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from jaxtyping import Bool, Float, Int
from torch import Tensor

if TYPE_CHECKING:
    from numpy.random import Generator

    from methods.references import Member, Reference

    Choose = Callable[[Sequence[Member], str, Generator], list[Reference | None]]


@dataclass(frozen=True)
class Weights:
    """Where a teacher's weights come from; ``actor`` is the policy before the update of this rollout step."""

    source: Literal["actor", "fixed", "ema", "synced"] = "actor"
    decay: float = 0.999  # ema: teacher <- decay * teacher + (1 - decay) * actor
    tick: Literal["update", "step"] = "update"  # ema: once per optimizer update, or once per rollout step
    every: int = 25  # synced: copy the actor at steps 0, every, 2 * every, ...


@dataclass(frozen=True)
class Teacher:
    """One more look at a rollout: the same weights or others, shown a reference the student does not see."""

    choose: Choose  # group members, ground truth, generator -> one reference per member, None where there is none
    weights: Weights = Weights()
    image: bool = True  # False: image tokens become attended padding and no vision features are given
    positions: Literal["mrope", "arange"] = "mrope"
    style: Literal["inline", "user_turn"] = "inline"  # where the reference is written; methods/contexts.py


@dataclass(frozen=True)
class Rollouts:
    """What a hook sees: B rollouts of one step, or a slice of them (for ``loss``); all padding is 0."""

    group: Int[Tensor, " B"]  # index of the problem a rollout answers; equal for the G members of a group
    reward: Float[Tensor, " B"]
    correct: Bool[Tensor, " B"]
    advantage: Float[Tensor, " B"]  # group-normalised reward, methods/advantage.py
    tokens: Int[Tensor, "B T"]
    mask: Float[Tensor, "B T"]  # 1 through the first end-of-turn token, then 0
    logp: dict[str, Float[Tensor, "B T"]]  # nats, of the sampled tokens: "student" and, for ``credit``, each teacher
    has: dict[str, Bool[Tensor, " B"]]  # per teacher: was there a reference for this rollout?
    seed: int  # of this cell and step, for hooks that draw (shuffled evidence)


@dataclass(frozen=True)
class Method:
    """Options every method has; the paper's values, with the source where text and released code differ in docs/audit.md."""

    lr: float = 1e-6  # peak learning rate of AdamW
    lr_schedule: Literal["cosine", "constant"] = "cosine"  # paper Table 6; released code: constant
    warmup_steps: int = 5  # rollout steps of linear warm-up; paper Table 6; released code: 0
    weight_decay: float = 0.01
    grad_clip: float = 1.0  # global gradient norm
    lora_rank: int = 16
    lora_alpha: int = 32  # paper; released code: 64
    steps: int = 50  # rollout steps
    prompts: int = 32  # problems per rollout step
    group_size: int = 8  # rollouts per problem, G
    minibatch_prompts: int = 16  # problems' worth of rollouts per optimizer update; released code: 16, so 2 updates a step
    keep_groups: bool = False  # True: a mini-batch holds whole groups; released code splits groups by length balance
    temperature: float = 1.0
    max_prompt: int = 768  # tokens; longer problems are dropped
    max_response: int = 2048  # tokens
    prompt_template: Literal["math_short", "none"] = "math_short"
    reward: Literal["binary", "accuracy_format"] = "binary"  # paper: 0 or 1; released code: 0.9 accuracy + 0.1 format
    clip_low: float = 0.2  # surrogate ratio clip: 1 - clip_low
    clip_high: float = 0.28  # surrogate ratio clip: 1 + clip_high
    dual_clip: float = 3.0  # cap of the loss at dual_clip * |A| where A < 0; 0 turns it off
    loss_avg: Literal["token", "sequence"] = "token"  # mean over all response tokens of the mini-batch, or per sequence first
    score_dtype: Literal["float32", "bfloat16"] = "float32"  # precision of the log-prob passes

    def teachers(self) -> dict[str, Teacher]:
        """Teachers this method needs, by the name under which their log-probs arrive."""
        return {}

    def needs_teachers(self, step: int) -> bool:
        """Whether the teachers can change the update of 0-based rollout ``step`` at all; False skips their passes."""
        return bool(self.teachers())

    def credit(self, batch: Rollouts, step: int) -> Float[Tensor, "B T"]:
        """Token advantages for the clipped surrogate; padding is 0. ``step`` counts rollout steps from 0."""
        raise NotImplementedError

    def loss(
        self, student_logits: Float[Tensor, "B T V"], teacher_logits: Float[Tensor, "B T V"], batch: Rollouts
    ) -> Float[Tensor, "B T"]:
        """Per-token loss of distribution matching, in nats; padding is 0. Gradient flows through the student only."""
        raise NotImplementedError

    @property
    def matches_distributions(self) -> bool:
        """True if the method trains on ``loss`` (needs whole distributions), False if on ``credit``."""
        return type(self).loss is not Method.loss


def load_method(name: str, options: dict[str, object]) -> Method:
    """Instantiate the method defined in ``methods/<name>.py``; options were validated by the workflow."""
    import importlib

    module = importlib.import_module(f"methods.{name}")
    found = [v for v in vars(module).values() if isinstance(v, type) and issubclass(v, Method) and v is not Method]
    (cls,) = [c for c in found if c.__module__ == module.__name__]
    return cls(**options)
