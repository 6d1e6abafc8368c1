"""Count how often verdicts are false in simulated worlds, with and without a working positive control.

``python -m evals.statistics.calibration`` writes this table into ``docs/statistics.md``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from scipy import optimize

from evals.statistics.intervals import Estimate, contrast, equal_weights
from evals.statistics.panels import Term, paired_terms
from evals.statistics.simulated_worlds import BASE, MICRO, draw_models, gained
from evals.statistics.verdict_rule import decide, with_control

COUNT = 600  # worlds for each line of the table; the standard error of 5 % is then 0.9 points
SEEDS = (3, 5, 10)
BETWEEN = 0.05  # logits: a difference of two methods then varies by 1.3 points from seed to seed
TOLERANCE = 1.0  # points: the smallest difference that counts
DIFFERENCES = {"none": 0.0, "tiny": 0.3, "counts": 1.0, "large": 3.0}  # points of accuracy, method over GRPO
LEADS = {"absent": 0.0, "present": 4.0}  # points, oracle over GRPO


@dataclass(frozen=True)
class VerdictWorld:
    """GRPO, a method that is ``difference`` points better, and an oracle that is ``lead`` points better."""

    seeds: int
    difference: float
    lead: float
    between: float = BETWEEN

    def verdicts(self, count: int = COUNT, control_asked: bool = True) -> Counter[str]:
        """Count the verdicts on the claim "the method is better than GRPO" in ``count`` worlds.

        ``control_asked``: False leaves out the condition that the oracle's lead must be supported.
        """
        leads = _leads(self, count)
        return Counter(judged(ours, control if control_asked else None) for ours, control in leads)

    def false(self, verdict: str) -> bool:
        """Whether a verdict is false in this world; "undecided" never is.

        Supported without any difference is false. Contradicted is false where the difference counts, and wherever the
        oracle has no lead, as such a world cannot show a difference.
        """
        if verdict == "supported":
            return self.difference <= 0
        return verdict == "contradicted" and (self.difference >= TOLERANCE or self.lead <= 0)

    def false_share(self, verdicts: Counter[str]) -> float:
        """Share of verdicts that are false here."""
        return sum(number for verdict, number in verdicts.items() if self.false(verdict)) / verdicts.total()


@lru_cache(maxsize=2)
def _leads(world: VerdictWorld, count: int) -> list[tuple[Estimate, Estimate]]:
    """Leads of the method and of the oracle over GRPO in ``count`` worlds, the same ones in every call."""
    numbers = (world.difference, world.lead, world.between)
    rng = np.random.default_rng([world.seeds, *(round(100 * number) % 2**32 for number in numbers)])
    effects = (_logits(world.difference, world.between), 0.0, _logits(world.lead, world.between))
    draws = (draw_models(rng, world.seeds, effects, world.between, BASE, MICRO) for _ in range(count))
    return [(lead(ours, grpo), lead(oracle, grpo)) for ours, grpo, oracle in draws]


def judged(ours: Estimate, control: Estimate | None) -> str:
    """The verdict of the rule on "the method is better" from two estimates. Without a control none is asked for."""
    verdict, _ = decide("higher", 100 * ours.low, 100 * ours.high, TOLERANCE)
    return with_control("higher", verdict, control is None or control.low > 0)


def lead(ours: Term, theirs: Term) -> Estimate:
    """Average accuracy of one model minus that of another."""
    names = list(ours)
    return contrast(paired_terms(ours, theirs, names), equal_weights(names))


def every_world() -> list[VerdictWorld]:
    """The worlds of the table."""
    return [VerdictWorld(*one) for one in product(SEEDS, DIFFERENCES.values(), LEADS.values())]


def table(count: int = COUNT) -> str:
    """Shares of verdicts by world in percent, as Markdown."""
    columns = ("seeds", "true difference", "oracle's true lead", "supported", "contradicted", "undecided", "false")
    heads = (*columns, "false, no control asked")
    lines = [f"| {' | '.join(heads)} |", "| --: " * len(heads) + "|"]
    return "\n".join(lines + [_line(world, count) for world in every_world()])


def _line(world: VerdictWorld, count: int) -> str:
    verdicts, unasked = world.verdicts(count), world.verdicts(count, control_asked=False)
    shares = [verdicts[name] / count for name in ("supported", "contradicted", "undecided")]
    shares += [world.false_share(verdicts), world.false_share(unasked)]
    shown = " | ".join(f"{100 * share:.1f}" for share in shares)
    return f"| {world.seeds} | {world.difference:g} | {world.lead:g} | {shown} |"


def _logits(difference: float, between: float) -> float:
    """The effect that is worth ``difference`` points of accuracy."""

    def missing(effect: float) -> float:
        return 100 * gained(effect, between, BASE) - difference

    return float(optimize.root_scalar(missing, bracket=(-5, 5)).root)
