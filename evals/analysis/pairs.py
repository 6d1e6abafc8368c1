"""Which arms the tables of controls and of the audit compare: pairs of arms whose options differ in one respect."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.errors import DataError
from contracts.records import OptionValue
from evals.analysis.cells import Arm
from evals.analysis.display import method_name

RIVALS = ("grpo", "rlsd")
MOST_CHANGES = 3  # a row with more changed options names the variant instead
ROLLOUTS = ("steps", "prompts", "group_size")  # options that say how many rollouts a run has
BUDGET = {*ROLLOUTS, "minibatch_prompts", "warmup_steps", "decay_steps"}  # options that differ between budgets
PAPER_RATIO = 5  # the paper trains CEPO at 5e-6, the others at 1e-6 (section 4)


@dataclass(frozen=True)
class Pair:
    """An arm and its partner; None if it was not run."""

    name: str
    arm: Arm | None
    partner: Arm | None


@dataclass(frozen=True)
class Topic:
    """Pairs that answer one question."""

    question: str
    pairs: list[Pair]


@dataclass(frozen=True)
class Control:
    """A method with changed options, and the methods whose default arms are its partners."""

    name: str
    method: str
    changed: Mapping[str, OptionValue]
    partners: tuple[str, ...]


CONTROLS = {
    "Does this world show what credit is worth? Oracle: credit on the tokens that decide; anti-oracle: on the others": [
        Control("Oracle", "oracle", {}, ("grpo",)),
        Control("Oracle", "oracle", {}, ("cepo",)),
        Control("Anti-oracle", "anti_oracle", {}, ("base", "grpo")),
    ],
    "How far are the other methods from GRPO?": [
        Control("OPSD", "opsd", {}, ("grpo",)),
        Control("SDPO", "sdpo", {}, ("grpo",)),
        Control("RLSD", "rlsd", {}, ("grpo",)),
    ],
    "Does the policy's own entropy do as well as a teacher?": [
        Control("CEPO", "cepo", {}, ("entropy",)),
        Control("Entropy", "entropy", {}, ("grpo",)),
    ],
    "Does RLSD need the answer that the released code leaves out?": [
        Control("RLSD shown a blank", "rlsd", {"privileged": "blank_bug"}, ("rlsd", "grpo")),
    ],
    "Does it matter on which tokens the evidence falls, and whose wrong answer is shown?": [
        Control("CEPO, evidence shuffled in each response", "cepo", {"evidence_order": "shuffled"}, ("cepo", "grpo")),
        Control("CEPO, r\u2212 of another problem", "cepo", {"wrong": "other_problem"}, ("cepo", "grpo")),
    ],
    "Do teachers need to see the image?": [
        Control("CEPO, blind teachers", "cepo", {"teacher_image": False}, ("cepo",)),
        Control("OPSD, blind teacher", "opsd", {"teacher_image": False}, ("opsd",)),
        Control("SDPO, blind teacher", "sdpo", {"teacher_image": False}, ("sdpo",)),
    ],
}


def controls(arms: Sequence[Arm]) -> list[Topic]:
    """All controls of one scale, then each further arm, compared with its method's default."""
    defaults = _defaults(arms)
    topics = [
        Topic("Does CEPO lead at equal learning rates?", _rates(arms, defaults, 1)),
        Topic(
            f"Does it lead at {PAPER_RATIO} times the other's rate, as the paper trains it?",
            _rates(arms, defaults, PAPER_RATIO),
        ),
    ]
    run = {arm.method for arm in arms}
    for question, members in CONTROLS.items():
        asked = [control for control in members if control.changed or {control.method, *control.partners} <= run]
        topics.append(Topic(question, [pair for control in asked for pair in _pairs(control, arms, defaults)]))
    used = [arm for topic in topics for pair in topic.pairs for arm in (pair.arm, pair.partner)]
    others = [arm for arm in arms if arm not in used and arm.variant != "default"]
    rest = [Pair(f"{arm.name} \u2212 {method_name(arm.method)}", arm, defaults.get(arm.method)) for arm in others]
    return [topic for topic in [*topics, Topic("Other arms", rest)] if topic.pairs]


def budgets(arms: Sequence[Arm]) -> list[Topic]:
    """The oracle and CEPO against GRPO for each number of steps and rollouts of its arms, smallest first."""
    defaults = _defaults(arms)
    found: dict[tuple[int, ...], dict[str, Arm]] = {}
    for arm in arms:
        if arm.method in defaults and changes(arm, defaults[arm.method]).keys() <= BUDGET:
            found.setdefault(tuple(int(arm.options[name]) for name in ROLLOUTS), {})[arm.method] = arm
    return [
        Topic(
            f"{steps} steps of {prompts} x {members} rollouts",
            [Pair(f"{method_name(m)} \u2212 GRPO", by[m], by["grpo"]) for m in ("oracle", "cepo") if m in by],
        )
        for (steps, prompts, members), by in sorted(found.items(), key=lambda one: math.prod(one[0]))
        if "grpo" in by and len(by) > 1
    ]


def against_defaults(arms: Sequence[Arm]) -> list[Topic]:
    """Each arm that is no default, with its method's default as partner, by method. DataError if there is none."""
    defaults = _defaults(arms)
    by_method: dict[str, list[Pair]] = {}
    for arm in arms:
        if arm.variant != "default":
            default = defaults.get(arm.method)
            by_method.setdefault(arm.method, []).append(Pair(_changed(arm, default), arm, default))
    if not by_method:
        raise DataError("cells", "all are defaults", "add cells of other variants")
    return [Topic(f"{method_name(method)}, default changed in", pairs) for method, pairs in by_method.items()]


def _defaults(arms: Sequence[Arm]) -> dict[str, Arm]:
    return {arm.method: arm for arm in arms if arm.variant == "default"}


def _changed(arm: Arm, default: Arm | None) -> str:
    """Name a row: ``CEPO: lora_alpha 64 (32)``, with the default in brackets; the variant if many options differ."""
    changed = changes(arm, default) if default else {}
    if default is None or not 0 < len(changed) <= MOST_CHANGES:
        return f"{method_name(arm.method)}: {arm.variant}" + (f" ({len(changed)} options)" if changed else "")
    words = [f"{name} {_word(value)} ({_word(default.options[name])})" for name, value in changed.items()]
    return f"{method_name(arm.method)}: {', '.join(words)}"


def _word(value: OptionValue) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def changes(arm: Arm, default: Arm) -> dict[str, OptionValue]:
    """Return the options in which ``arm`` differs from its method's default arm, with the values of ``arm``."""
    return {name: value for name, value in arm.options.items() if default.options.get(name) != value}


def _rates(arms: Sequence[Arm], defaults: Mapping[str, Arm], ratio: float) -> list[Pair]:
    """Pair CEPO at each of its learning rates with each rival at that rate divided by ``ratio``.

    At equal rates (``ratio`` 1) a rival that was not run gives a pair without partner; otherwise it gives none.
    """
    pairs = []
    for cepo in _at_rates(arms, defaults, "cepo"):
        for rival in RIVALS:
            rate = float(cepo.options["lr"]) / ratio
            others = _at_rates(arms, defaults, rival)
            partner = next((arm for arm in others if math.isclose(float(arm.options["lr"]), rate)), None)
            if partner is not None or ratio == 1:
                name = f"CEPO at {float(cepo.options['lr']):g} \u2212 {method_name(rival)} at {rate:g}"
                pairs.append(Pair(name, cepo, partner))
    return pairs


def _at_rates(arms: Sequence[Arm], defaults: Mapping[str, Arm], method: str) -> list[Arm]:
    """Arms of a method that differ from its default in nothing but the learning rate, slowest first."""
    if (default := defaults.get(method)) is None:
        return []
    at_rates = [arm for arm in arms if arm.method == method and changes(arm, default).keys() <= {"lr"}]
    return sorted(at_rates, key=lambda arm: float(arm.options["lr"]))


def _pairs(control: Control, arms: Sequence[Arm], defaults: Mapping[str, Arm]) -> list[Pair]:
    default = defaults.get(control.method)
    same = [
        arm for arm in arms if default and arm.method == control.method and changes(arm, default) == control.changed
    ]
    return [
        Pair(f"{control.name} \u2212 {method_name(partner)}", same[0] if same else None, defaults.get(partner))
        for partner in control.partners
    ]
