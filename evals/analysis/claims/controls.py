"""The positive control of a claim: oracle credit against GRPO in the same world and scale, with equal budget and seeds.

Oracle credit is placed by the true labels of tokens, so no credit method can be expected to do better. If even its lead
over GRPO cannot be seen, the lead of another method could not be seen either, and "no difference" says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evals.analysis.cells import Arm, with_seeds
from evals.analysis.claims.measuring import ClaimEvidence, compared, measure
from evals.analysis.claims.numbers import Measured, Missing
from evals.analysis.claims.records import Accuracy, Gradients, Part, Training
from evals.analysis.rendering.cell_words import points
from evals.benchmarks import BENCHMARKS
from evals.statistics.verdict_rule import Expect, decide

ORACLE, PARTNER = "oracle", "grpo"
ACCURACIES = ("accuracy", "val_accuracy")  # logged quantities that are accuracies, of training rollouts and validation
WHERE = {"accuracy": "on benchmarks", "training": "in training"}  # where an accuracy was measured, by kind of part
# Options that decide how much there is to learn from. The learning rate is not among them: each method has its own.
BUDGET = (
    "steps",
    "prompts",
    "group_size",
    "minibatch_prompts",
    "temperature",
    "max_response",
    "reward",
    "lora_rank",
)


@dataclass(frozen=True)
class PositiveControl:
    """The outcome of the positive control of one part."""

    state: str  # in words
    works: bool
    needed: bool = True  # False: no verdict on this kind of part depends on a control
    measured: Measured | None = None


def control_of(part: Part, evidence: ClaimEvidence) -> PositiveControl:
    """Return the control of a part at its scale and budget, with its seeds."""
    return CONTROLS[part.control](part, evidence)


def _no_control(_part: Part, _evidence: ClaimEvidence) -> PositiveControl:
    return PositiveControl("needs no control", works=True, needed=False)


def _accuracy_control(part: Part, evidence: ClaimEvidence) -> PositiveControl:
    """Oracle over GRPO in the accuracy of the part; on all benchmarks if the part is about something else."""
    if isinstance(arms := compared(part, evidence.arms), Missing):
        return PositiveControl("not asked: the claim's own cells are missing", works=False)
    pair = _pair(part.scale, arms, evidence)
    if pair is None:
        return PositiveControl("no control was run", works=False)
    seeds = sorted(set.intersection(*(set(arm.seeds) for arm in arms)))
    chosen = [with_seeds(arm, seeds) for arm in pair]
    if not seeds or any(arm.seeds != tuple(seeds) for arm in chosen):
        return PositiveControl("no control was run with these seeds", works=False)
    question = _question(part)
    known = {(part.scale, arm.method, "default"): arm for arm in chosen}
    words = f"oracle over GRPO {{}} points [{{}}, {{}}] {WHERE[question.kind]}"
    return _judged(measure(question, ClaimEvidence(known)), 0.0, words, lambda value: points(value / 100))


def _question(part: Part) -> Accuracy | Training:
    """What the oracle is asked: the accuracy that the part is about, or that on all benchmarks."""
    asked = {"scale": part.scale, "ours": ORACLE, "theirs": PARTNER, "expect": "higher", "tolerance": 0.0}
    if isinstance(part, Training) and part.quantity in ACCURACIES:
        return Training(kind="training", quantity=part.quantity, steps=part.steps, **asked)
    benchmarks = part.benchmarks if isinstance(part, Accuracy) else list(BENCHMARKS)
    return Accuracy(kind="accuracy", benchmarks=benchmarks, **asked)


def _gradient_control(part: Part, evidence: ClaimEvidence) -> PositiveControl:
    """The oracle needs fewer rollouts than GRPO at the same scale and state."""
    question = Gradients(
        kind="gradients", scale=part.scale, ours=ORACLE, theirs=PARTNER, expect="lower", tolerance=0.0,
        quantity="samples", than=1.0, state=part.state if isinstance(part, Gradients) else "base",
    )  # fmt: skip
    words = "oracle needs {} [{}, {}] rollouts where GRPO needs 1"
    return _judged(measure(question, evidence), 1.0, words, "{:.2f}".format, "lower")


CONTROLS = {"accuracy": _accuracy_control, "gradients": _gradient_control, "none": _no_control}


def _judged(
    number: Measured | Missing, mark: float, words: str, shown: Callable[[float], str], expect: Expect = "higher"
) -> PositiveControl:
    if isinstance(number, Missing):
        return PositiveControl(f"no control was run ({number.reason})", works=False)
    if number.low is None or number.high is None:
        return PositiveControl("the control has no interval", works=False, measured=number)
    supported = decide(expect, number.low - mark, number.high - mark, 0.0)[0] == "supported"
    works = supported and number.seeds > 1
    ends = map(shown, (number.value, number.low, number.high))
    state = f"{words.format(*ends)}, {number.seeds} seed{'s' * (number.seeds > 1)}"
    return PositiveControl(f"{state}: {'works' if works else 'not supported'}", works, measured=number)


def _pair(scale: str, arms: list[Arm], evidence: ClaimEvidence) -> tuple[Arm, Arm] | None:
    """Oracle and GRPO of one variant whose budget is the one that the trained arms share; the default first."""
    wanted = budget(arms)
    variants = [name for of, method, name in evidence.arms if (of, method) == (scale, ORACLE)]
    for name in sorted(variants, key=lambda name: (name != "default", name)):
        oracle, partner = (evidence.arms.get((scale, method, name)) for method in (ORACLE, PARTNER))
        if oracle and partner and all(arm.options.get(k) == v for arm in (oracle, partner) for k, v in wanted.items()):
            return oracle, partner
    return None


def budget(arms: list[Arm]) -> dict[str, object]:
    """Options of :data:`BUDGET` that have the same value in all trained arms; the others are left out."""
    trained = [arm.options for arm in arms if arm.method != "base"]
    first = trained[0] if trained else {}
    shared = {name: first[name] for name in BUDGET if name in first}
    return {name: value for name, value in shared.items() if all(other.get(name) == value for other in trained)}
