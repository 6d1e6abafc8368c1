"""What the evidence says of a claim: supported, contradicted or undecided, and how many seeds would decide. No torch.

A part that expects more is *supported* if all of its interval lies above 0. It is *contradicted* if the interval lies
below 0 or contains no difference that counts (the tolerance). A part that expects no difference is supported if all of
the interval lies within the tolerance, and contradicted if it lies outside. Everything else is undecided, and so is all
that was trained with one seed, because one seed says nothing about the next.

A verdict that says "there is no such difference" is given only where the positive control of the same world, scale,
budget and seeds is itself supported (:mod:`evals.analysis.claims.controls`).

A claim is supported if all its parts are. It is contradicted if a part is; as one of k parts may be so by chance, that
part's interval is then widened to a level of 1 - 0.05 / k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

from evals.analysis.claims.controls import PositiveControl, control_of
from evals.analysis.claims.measuring import ClaimEvidence, measure
from evals.analysis.claims.numbers import Measured, Missing
from evals.analysis.claims.records import Claim, Part
from evals.statistics.variance import ContrastVariance
from evals.statistics.verdict_rule import BLIND, Expect, Verdict, decide, with_control

POWER = 0.8  # chance with which the named number of seeds would decide
MOST_SEEDS = 200  # a larger number is not named


@dataclass(frozen=True)
class PartVerdict:
    """One part and its verdict."""

    part: Part
    verdict: Verdict
    number: Measured | Missing
    control: PositiveControl
    why: str  # in words
    seeds_needed: int | None = None  # of an undecided part; None: more is missing than seeds, or no number would do


@dataclass(frozen=True)
class ClaimVerdict:
    """One claim and its verdict in one world."""

    claim: Claim
    verdict: Verdict
    parts: list[PartVerdict]

    @property
    def why(self) -> str:
        """The reason in words: verdicts of the parts, and the reason of the part that is furthest from decided."""
        if len(self.parts) == 1:
            return self.parts[0].why
        telling = [part for part in self.parts if part.verdict == self.verdict]
        if not telling:  # a part is contradicted, but as one of several it may be so by chance
            return f"{_counted(self.parts)}, which one of {len(self.parts)} may be by chance"
        return f"{_counted(self.parts)}; {max(telling, key=lambda part: part.seeds_needed or MOST_SEEDS + 1).why}"

    @property
    def seeds_needed(self) -> int | None:
        """Seeds that would decide all undecided parts; None if that is not known for one of them."""
        needed = [part.seeds_needed for part in self.parts if part.verdict == "undecided"]
        known = [number for number in needed if number is not None]
        return max(known) if known and len(known) == len(needed) else None


def judge(claim: Claim, evidence: ClaimEvidence) -> ClaimVerdict:
    """The verdict on a claim from the evidence of one world."""
    parts = [judge_part(part, evidence) for part in claim.parts]
    verdicts = {part.verdict for part in parts}
    if verdicts == {"supported"}:
        return ClaimVerdict(claim, "supported", parts)
    surely = any(part.verdict == "contradicted" and _survives(part, len(parts)) for part in parts)
    return ClaimVerdict(claim, "contradicted" if surely else "undecided", parts)


def judge_part(part: Part, evidence: ClaimEvidence) -> PartVerdict:
    """The verdict on one part."""
    number, control = measure(part, evidence), control_of(part, evidence)
    if isinstance(number, Missing):
        return PartVerdict(part, "undecided", number, control, number.reason)
    if number.low is None or number.high is None:
        return PartVerdict(part, "undecided", number, control, "too few steps for an interval")
    value, low, high = (one - part.mark for one in (number.value, number.low, number.high))
    verdict, why = decide(part.expect, low, high, part.tolerance, part.mark)
    if number.seeds > 1 and with_control(part.expect, verdict, control.works) != verdict:
        return PartVerdict(part, "undecided", number, control, f"{BLIND} ({control.state})")
    if verdict != "undecided" and number.seeds > 1:
        return PartVerdict(part, verdict, number, control, why)
    needed = None
    if number.variance:
        needed = seeds_needed(part.expect, value / 100, part.tolerance / 100, number.variance)
    needed = None if needed is None else max(needed, number.seeds + 1)
    so_far = f"{why}, for one seed; " if why else ""
    return PartVerdict(part, "undecided", number, control, so_far + _would_decide(needed, number), needed)


def seeds_needed(expect: Expect, value: float, tolerance: float, variance: ContrastVariance) -> int | None:
    """Seeds that would decide four times in five if value and variance are as seen; None: more than 200."""
    sign = -1 if expect == "lower" else 1
    room = abs(tolerance - abs(value)) if expect == "similar" else max(sign * value, tolerance - sign * value)
    reach = float(special.ndtri(POWER))
    for seeds in range(2, MOST_SEEDS + 1):
        planned = variance.with_seeds(seeds)
        if planned.half_width() + reach * planned.total**0.5 <= room:
            return seeds
    return None


def _survives(judged: PartVerdict, count: int) -> bool:
    """Whether a contradiction holds at the level that ``count`` parts ask for."""
    number, part = judged.number, judged.part
    if count == 1 or isinstance(number, Missing) or number.low is None or number.high is None:
        return count == 1
    if number.variance is None:
        df = max(number.seeds - 1, 1)
        factor = special.stdtrit(df, 1 - 0.025 / count) / special.stdtrit(df, 0.975)
    else:
        factor = number.variance.half_width(1 - 0.05 / count) / number.variance.half_width()
    low, high = (number.value + factor * (end - number.value) - part.mark for end in (number.low, number.high))
    return decide(part.expect, low, high, part.tolerance)[0] == "contradicted"


def _would_decide(needed: int | None, number: Measured) -> str:
    if number.variance is None:
        return (
            "runs are what is repeated: more seeds would say more" if number.seeds == 1 else "the interval holds both"
        )
    if needed is None:
        return f"more than {MOST_SEEDS} seeds, or more questions, would decide"
    least = "at least " if number.seeds == 1 else "about "
    return f"{least}{needed} seeds would decide"


def _counted(parts: Sequence[PartVerdict]) -> str:
    counts = {name: sum(part.verdict == name for part in parts) for name in ("supported", "contradicted", "undecided")}
    return ", ".join(f"{count} of {len(parts)} {name}" for name, count in counts.items() if count)
