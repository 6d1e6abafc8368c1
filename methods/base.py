"""The base classes of methods: options of a training run, the teachers a method asks, and the hook that it implements.

A method is a frozen dataclass in ``methods/<name>.py`` that subclasses :class:`Method` or one of its two families here:
:class:`SelfDistillation` (methods with a teacher) and :class:`TokenCredit` (self-distillation that only reweights the
advantage). The fields of the class, its own and those it inherits, are the options of the method; their defaults are
the paper's values. The class implements one hook: ``credit`` (token advantages for the clipped surrogate) or ``loss``
(distribution matching). Defaults are plain literals, so that the workflow can read them without importing torch.
"""

from __future__ import annotations

import importlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from jaxtyping import Bool, Float, Int
from torch import Tensor

from methods.shared import schedule
from methods.shared.credit import token_credit, uniform_credit
from methods.shared.limits import check_limits
from methods.shared.rollout_tree import RolloutTree

if TYPE_CHECKING:
    from methods.shared.chooser import Choose

# Presets: ``paper`` is the defaults; ``released`` is what CEPO's released code does for every method it runs
# (github.com/ahmedheakl/CEPO @7a9655d). A method's own table adds to this one.
PRESETS = {
    "paper": {},
    "released": {
        "lr_schedule": "constant",  # verl/workers/actor/config.py:70-72; no script sets another
        "warmup_steps": 0,  # examples/config.yaml: lr_warmup_ratio
        "lora_alpha": 64,  # examples/config.yaml: worker.actor.model.lora.alpha
        "reward": "accuracy_format",  # examples/reward_function/math.py:40-50
        "score_dtype": "bfloat16",  # logits in bfloat16; scripts: worker.actor.fsdp.torch_dtype
        "minibatch_order": "length_balanced",  # verl/trainer/ray_trainer.py:451-466; verl/workers/actor/dp_actor.py:338
        "eval_weights": "merged_bf16",  # scripts/model_merger.py:71-83
        # An engine that cannot serve one of these leaves it out (methods/shared/limits.py).
        "optimizer": "adamw_bf16",  # experiments/geo/cepo.sh:46-47
        "validation_temperature": 0.6,  # examples/config.yaml:76-79
        "validation_top_p": 0.95,
    },
}


@dataclass(frozen=True)
class Weights:
    """Where a teacher's weights come from. ``actor`` is the policy as it was before the update of this rollout step."""

    source: Literal["actor", "fixed", "ema", "synced"] = "actor"
    decay: float = 0.999  # ema: teacher <- decay * teacher + (1 - decay) * actor
    tick: Literal["update", "step"] = "update"  # ema: once per optimizer update, or once per rollout step
    every: int = 25  # synced: copy the actor at steps 0, every, 2 * every, ...


@dataclass(frozen=True)
class Teacher:
    """A second pass over a rollout, by a model that is also shown a reference, which the student does not see."""

    choose: Choose  # what it is shown, per member of a group
    weights: Weights = Weights()
    image: bool = True  # False: image tokens become attended padding and no vision features are given
    positions: Literal["mrope", "arange"] = "mrope"
    style: Literal["inline", "user_turn"] = "inline"  # where the reference is written; methods/shared/contexts.py


class Mark(Protocol):
    """Picks the tokens after which a method wants to know the value; methods/shared/prefixes.py holds some."""

    def __call__(self, batch: Rollouts) -> Bool[Tensor, "B T"]:
        """True at token t: the value of the prompt and the tokens up to and including t is wanted."""
        ...


@dataclass(frozen=True)
class PrefixValues:
    """Values of prefixes of the rollouts: the mean reward of responses that the policy samples from there on."""

    mark: Mark
    continuations: int  # responses sampled from each prefix, and from each problem's prompt


class MarkGroups(Protocol):
    """Picks the problems for which a method wants privileged rollouts."""

    def __call__(self, batch: Rollouts) -> Bool[Tensor, " N"]:
        """True at the problem whose index in ``batch.group`` is n; ``batch.group`` holds 0, ..., N - 1."""
        ...


@dataclass(frozen=True)
class PrivilegedRollouts:
    """Rollouts that are sampled by a teacher, which is shown a reference; the student learns from the right ones."""

    teacher: Teacher  # what it is shown is what ``choose`` picks for the first member of the group
    mark: MarkGroups
    copies: int  # rollouts sampled for each problem that is marked


@dataclass(frozen=True)
class Rollouts:
    """What a hook is given: the B rollouts of one step, or for ``loss`` some of them. Padding is 0 in every field."""

    group: Int[Tensor, " B"]  # index of the problem a rollout answers; equal for the G members of a group
    reward: Float[Tensor, " B"]
    correct: Bool[Tensor, " B"]
    advantage: Float[Tensor, " B"]  # group-normalised reward, methods/shared/advantage.py
    tokens: Int[Tensor, "B T"]
    mask: Float[Tensor, "B T"]  # 1 through the first end-of-turn token, then 0
    logp: dict[str, Float[Tensor, "B T"]]  # nats, of the sampled tokens: "student" and, for ``credit``, each teacher
    has: dict[str, Bool[Tensor, " B"]]  # per teacher: was there a reference for this rollout?
    seed: int  # of this cell and step, for hooks that draw random numbers (shuffled evidence)
    entropy: Float[Tensor, "B T"] | None = None  # nats, of the policy; given to ``credit``, None for ``loss``
    labels: dict[str, Float[Tensor, "B T"]] = field(default_factory=dict)  # "decisive", "slipped", "filler": 0 or 1
    leaf: Int[Tensor, " B"] | None = None  # where rollouts are a tree: their places among the leaves of their problem
    line_ends: Bool[Tensor, "B T"] | None = None  # tokens that hold a line break; for methods that ask for values
    # For methods that ask for values: "known" (B, T) bool, "prefix" (B, T) mean reward after each known token and 0
    # elsewhere, "start" (B,) mean reward from the problem's prompt.
    values: dict[str, Tensor] = field(default_factory=dict)
    # For methods with a prepared model: what it says. "step_scorer": scores in the layout of ``values``; "contrast":
    # "score" (B, T), low where a token is critical, and "reference" (B, T), log-probs of the base in nats.
    prepared: dict[str, Tensor] = field(default_factory=dict)

    def teacher_logp(self, name: str) -> Float[Tensor, "B T"]:
        """Log-probs in nats under the teacher ``name``; those of the student where that teacher has no reference."""
        return self.logp["student"].where(~self.has[name][:, None], self.logp[name])


@dataclass(frozen=True)
class Method:
    """Options that every method has. Defaults are the paper's values; docs/audit.md says where text and code differ."""

    control: ClassVar[bool] = False  # True: a control, which does not count among "all methods"
    labels: ClassVar[bool] = False  # True: needs ``Rollouts.labels``, which only the micro world can give
    valued: ClassVar[bool] = False  # True: ``prefix_values`` asks for values, which only some engines can give
    tutored: ClassVar[bool] = False  # True: asks for ``privileged_rollouts``, which only some engines can give
    branched: ClassVar[bool] = False  # True: ``rollout_tree`` asks for a tree, which only some engines can sample
    prepared: ClassVar[str] = ""  # kind of the model that is trained from the base first; methods/shared/prepared.py

    lr: float = 1e-6  # peak learning rate of AdamW
    optimizer: Literal["adamw", "adamw_bf16"] = "adamw"  # adamw_bf16: weights and moments in bfloat16 (released)
    lr_schedule: Literal["cosine", "constant"] = "cosine"  # paper Table 6; released code: constant
    warmup_steps: int = 5  # rollout steps of linear warm-up; paper Table 6; released code: 0
    weight_decay: float = 0.01
    grad_clip: float = 1.0  # global gradient norm
    lora_rank: int = 16  # 0: no adapter, the language model's own weights are trained; engine easyr1 only
    lora_alpha: int = 32  # paper; released code: 64
    steps: int = 50  # rollout steps
    prompts: int = 32  # problems per rollout step
    group_size: int = 8  # rollouts per problem, G
    minibatch_prompts: int = 16  # problems' worth of rollouts per optimizer update; released: 16, so 2 updates a step
    keep_groups: bool = False  # True: a mini-batch holds whole groups; released code splits groups by length balance
    minibatch_order: Literal["random", "length_balanced"] = "random"  # unless keep_groups; released: length_balanced
    temperature: float = 1.0
    rollout_top_p: float = 1.0  # rollouts draw from the likeliest tokens with this probability; official OPSD: 0.95
    rollout_top_k: int = 0  # and from this many of the likeliest tokens, 0: from all; official OPSD: 20
    validation_temperature: float = 0.0  # of the answers to validation problems, 0: that of the rollouts; released: 0.6
    validation_top_p: float = 1.0  # released: 0.95
    max_prompt: int = 768  # tokens; longer problems are dropped
    max_response: int = 2048  # tokens
    max_model_len: int = 0  # prompt and response together, tokens; 0: no further limit; first public scripts: 2048
    cut_adds_end: bool = False  # True: a response cut by max_model_len gets an end token that counts (released)
    student_image: bool = True  # False: trained on the text alone, as the official OPSD and SDPO are; evaluated with it
    prompt_template: Literal["math_short", "none"] = "math_short"
    reward: Literal["binary", "accuracy_format"] = "binary"  # paper: 0 or 1; released code: 0.9 accuracy + 0.1 format
    grader: Literal["mathruler", "math_verify", "either"] = "mathruler"  # the released code's; either: right by one
    drop_all_wrong: bool = False  # True: groups without a right rollout get no update, whatever their format rewards
    clip_low: float = 0.2  # surrogate ratio clip: 1 - clip_low
    clip_high: float = 0.28  # surrogate ratio clip: 1 + clip_high
    dual_clip: float = 3.0  # cap of the loss at dual_clip * |A| where A < 0; 0 turns it off
    loss_avg: Literal["token", "sequence"] = "token"  # mean over the mini-batch's tokens, or per sequence first
    score_dtype: Literal["float32", "bfloat16"] = "float32"  # precision of log-probs, the policy's and the teachers'
    checkpoint: Literal["last", "best_val"] = "last"  # which step's adapter is evaluated; the released code keeps both
    eval_weights: Literal["adapter", "rounded_bf16", "merged_bf16"] = "adapter"  # evals/merging.py; released: merged

    def __post_init__(self) -> None:
        """Raise ConfigError for a value that cannot work."""
        check_limits(asdict(self))

    def teachers(self) -> dict[str, Teacher]:
        """The teachers of this method, by the names under which their log-probs are found in ``Rollouts``."""
        return {}

    def needs_teachers(self, step: int) -> bool:
        """Whether the teachers can change the update of 0-based rollout ``step``. If not, they are not asked."""
        return bool(self.teachers())

    def prefix_values(self) -> PrefixValues | None:
        """Values of prefixes that this method needs in ``Rollouts.values``; they cost rollouts of their own."""
        return None

    def privileged_rollouts(self) -> PrivilegedRollouts | None:
        """Rollouts of a teacher that this method learns from by ``distil``; they cost rollouts of their own."""
        return None

    def rollout_tree(self) -> RolloutTree | None:
        """How the rollouts of a problem share their beginnings; None: each is sampled on its own."""
        return None

    def asked_teachers(self) -> list[Teacher]:
        """Every teacher of this method: those that read its rollouts, and the one that samples privileged ones."""
        sampling = self.privileged_rollouts()
        return [*self.teachers().values(), *([sampling.teacher] if sampling else [])]

    def draws(self) -> int:
        """How often a step may draw further problems in place of groups that are all right or all wrong; 1: never."""
        return 1

    def offline(self) -> bool:
        """Whether it trains on the pairs of rollouts that its prepared model holds; then a step samples nothing."""
        return False

    def shaped_reward(self, reward: Float[Tensor, " B"], length: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        """The reward that the group advantage is computed from; ``length`` is in response tokens."""
        return reward

    def credit(self, batch: Rollouts, step: int) -> Float[Tensor, "B T"]:
        """Return the advantage of each token for the clipped surrogate; 0 on padding. ``step``: rollout step from 0."""
        raise NotImplementedError

    def loss(
        self, student_logits: Float[Tensor, "B T V"], teacher_logits: Float[Tensor, "B T V"], batch: Rollouts
    ) -> Float[Tensor, "B T"]:
        """Return the loss of each token in nats; 0 on padding. The gradient flows through the student's logits only."""
        raise NotImplementedError

    def distil(
        self, student_logits: Float[Tensor, "B T V"], teacher_logits: Float[Tensor, "B T V"], batch: Rollouts
    ) -> Float[Tensor, "B T"]:
        """Return the loss of each token of privileged rollouts, in nats; 0 on padding. The engine takes its mean.

        It is added to the loss on the student's own rollouts; the gradient flows through the student's logits only.
        """
        raise NotImplementedError

    @property
    def matches_distributions(self) -> bool:
        """True if the method trains on ``loss`` (it needs complete distributions), False if it trains on ``credit``."""
        return type(self).loss is not Method.loss


@dataclass(frozen=True)
class SelfDistillation(Method):
    """Methods with teachers. A teacher is the policy itself, or an earlier copy of it, that is shown a reference."""

    teacher_weights: Literal["actor", "fixed", "ema", "synced"] = "actor"  # CEPO Table 4; actor: the main setting
    teacher_sync: int = 25  # synced: rollout steps between two copies; CEPO Table 4
    ema_decay: float = 0.999  # CEPO Table 7 (SDPO row)
    ema_tick: Literal["update", "step"] = "update"
    teacher_image: bool = True  # the paper's P_T conditions on x with its image; released CEPO: False
    teacher_positions: Literal["mrope", "arange"] = "mrope"  # released CEPO: arange
    context_style: Literal["inline", "user_turn"] = "inline"  # released code; the paper gives no wording

    def teacher(self, choose: Choose) -> Teacher:
        """Make a teacher with this method's options that is shown what ``choose`` picks."""
        weights = Weights(self.teacher_weights, self.ema_decay, self.ema_tick, self.teacher_sync)
        return Teacher(choose, weights, self.teacher_image, self.teacher_positions, self.context_style)


@dataclass(frozen=True)
class TokenCredit(SelfDistillation):
    """RLSD and CEPO: evidence decides how much of a rollout's advantage each token gets. The sign stays that of A.

    A_t = A * ((1 - lam) + lam * clip(exp(sign(A) * evidence_t), 1 - eps_w, 1 + eps_w)). lam falls to 0 over training.
    """

    lam: float = 0.5  # share of token-level credit at the first step, in [0, 1]
    lam_schedule: Literal["linear", "constant"] = "linear"
    decay_steps: int = 25  # rollout steps until lam is 0 (linear)
    lam_clock: Literal["from_zero", "from_one"] = "from_zero"  # from_one: lam has already fallen once at the first step
    eps_w: float = 0.5  # half-width of the clip on a token's weight

    def lam_at(self, step: int) -> float:
        """Share of token-level credit at 0-based rollout ``step``."""
        return schedule.lam_at(step, self.lam, self.lam_schedule, self.decay_steps, self.lam_clock)

    def needs_teachers(self, step: int) -> bool:
        """Teachers are needed while lam > 0; after that, credit does not depend on evidence."""
        return self.lam_at(step) > 0

    def evidence(self, batch: Rollouts) -> Float[Tensor, "B T"]:
        """Return the evidence of each sampled token in nats; above 0 the token fits the right answer. No gradient."""
        raise NotImplementedError

    def credit(self, batch: Rollouts, step: int) -> Float[Tensor, "B T"]:
        """Return the advantage of each token; the same as GRPO's once lam is 0."""
        lam = self.lam_at(step)
        if lam == 0:
            return uniform_credit(batch.advantage, batch.mask)
        return token_credit(batch.advantage, self.evidence(batch), lam, self.eps_w, batch.mask)


def load_method(name: str, options: dict[str, Any]) -> Method:
    """Make the method defined in ``methods/<name>.py``. The workflow has checked the options."""
    module = importlib.import_module(f"methods.{name}")
    classes = [v for v in vars(module).values() if isinstance(v, type) and issubclass(v, Method) and v is not Method]
    (cls,) = [c for c in classes if c.__module__ == module.__name__]
    return cls(**options)
