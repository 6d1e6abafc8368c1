"""When a number supports a claim, contradicts it, or leaves it undecided. Pure functions of intervals; no torch.

A verdict needs two conditions. The interval must lie where the claim says (:func:`decide`). And a verdict that says
"there is no such difference" counts only where a difference could have been seen (:func:`with_control`): the positive
control, which must be better, was itself seen to be better with the same seeds.
"""

from __future__ import annotations

from typing import Literal

Verdict = Literal["supported", "contradicted", "undecided"]
Expect = Literal["higher", "lower", "similar"]
NO_ROOM = "no room for a difference that counts"
BLIND = "the world could not have shown it"


def decide(expect: Expect, low: float, high: float, tolerance: float, mark: float = 0.0) -> tuple[Verdict, str]:
    """Return verdict and reason for an interval that should lie above 0, below 0, or within the tolerance.

    ``mark`` is the number that was subtracted from the interval; it appears in the reason only.
    """
    if expect == "similar":
        if -tolerance < low and high < tolerance:
            return "supported", "the interval lies within the tolerance"
        outside = low > tolerance or high < -tolerance
        return ("contradicted", "the interval lies outside the tolerance") if outside else ("undecided", "")
    sides = ("above", "below") if expect == "higher" else ("below", "above")
    low, high = (low, high) if expect == "higher" else (-high, -low)
    if low > 0:
        return "supported", f"the interval lies {sides[0]} {mark:g}"
    if high < 0:
        return "contradicted", f"the interval lies {sides[1]} {mark:g}"
    return ("contradicted", NO_ROOM) if high < tolerance else ("undecided", "")


def needs_control(expect: Expect, verdict: Verdict) -> bool:
    """Whether a verdict says that a difference is absent: contradicted, or "about the same" supported."""
    return verdict == "contradicted" or (expect == "similar" and verdict == "supported")


def with_control(expect: Expect, verdict: Verdict, control_works: bool) -> Verdict:
    """Return the verdict, or "undecided" if it needs a working control and there is none."""
    return "undecided" if needs_control(expect, verdict) and not control_works else verdict
