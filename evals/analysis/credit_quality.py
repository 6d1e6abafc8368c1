"""Quality of credit: an estimate for each arm and measure over steps and seeds, and its correlation with accuracy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from contracts.rollouts import CreditLine
from evals.analysis.cells import Arm, CellFolder

LEVEL = 0.95
FEWEST = 4  # arms that a correlation with an interval needs at least


@dataclass(frozen=True)
class CreditMeasure:
    """A number that each step has, and its column in the table."""

    key: str
    group: str
    column: str
    of: Callable[[CreditLine], float | None]
    percent: bool = False


def _rate(credit: str, tokens: str) -> Callable[[CreditLine], float | None]:
    """Average credit of a kind of token over that of all tokens: share of credit divided by share of tokens."""

    def rate(line: CreditLine) -> float | None:
        share, of = getattr(line, credit), getattr(line, tokens)
        return share / of if share is not None and of else None

    return rate


RANKS, RATES, SHARES = "Ranking of tokens", "Credit over the average token's", "Share of all credit (%)"
UNCERTAIN, ENTROPY = "Uncertain tokens alone", "AUROC of the policy's entropy"
EVIDENCE = "Evidence (% of tokens)"
MEASURES = (
    CreditMeasure("auroc", RANKS, "AUROC, decisive", lambda line: line.auroc),
    CreditMeasure("average_precision", RANKS, "AP, decisive", lambda line: line.average_precision),
    CreditMeasure("slip_auroc", RANKS, "AUROC, slips", lambda line: line.slip_auroc),
    CreditMeasure("auroc_uncertain", UNCERTAIN, "AUROC, decisive", lambda line: line.auroc_uncertain),
    CreditMeasure("slip_auroc_uncertain", UNCERTAIN, "AUROC, slips", lambda line: line.slip_auroc_uncertain),
    CreditMeasure("entropy_auroc", ENTROPY, "decisive", lambda line: line.entropy_auroc),
    CreditMeasure("entropy_auroc_uncertain", ENTROPY, "uncertain decisive", lambda line: line.entropy_auroc_uncertain),
    CreditMeasure("entropy_slip_auroc", ENTROPY, "slips", lambda line: line.entropy_slip_auroc),
    CreditMeasure(
        "entropy_slip_auroc_uncertain", ENTROPY, "uncertain slips", lambda line: line.entropy_slip_auroc_uncertain
    ),
    CreditMeasure("decisive_rate", RATES, "decisive", _rate("decisive_credit", "decisive")),
    CreditMeasure("slip_rate", RATES, "slips", _rate("slip_credit", "slipped")),
    CreditMeasure("filler_rate", RATES, "filler", _rate("filler_credit", "filler")),
    CreditMeasure("slip_share", SHARES, "slips", lambda line: line.slip_credit, True),
    CreditMeasure("filler_share", SHARES, "filler", lambda line: line.filler_credit, True),
    CreditMeasure("evidence_positive", EVIDENCE, "positive", lambda line: line.evidence_positive, True),
    CreditMeasure("evidence_zero", EVIDENCE, "zero", lambda line: line.evidence_zero, True),
    CreditMeasure("evidence_negative", EVIDENCE, "negative", lambda line: line.evidence_negative, True),
)


@dataclass(frozen=True)
class Quality:
    """A mean with its 95 % interval, whose ends are None if there is only one value."""

    value: float
    low: float | None
    high: float | None
    steps: int  # steps of all seeds that have a value


def quality(arm: Arm) -> dict[str, Quality]:
    """Estimate each of :data:`MEASURES` by its key; measures that no step has are left out.

    Only steps whose weights rank tokens are counted, or all steps if the weights of an arm never do.
    """
    lines = [_scored(folder) for folder in arm.folders]
    estimates = {
        m.key: estimate([[v for line in seed if (v := m.of(line)) is not None] for seed in lines]) for m in MEASURES
    }
    return {key: one for key, one in estimates.items() if one is not None}


def _scored(folder: CellFolder) -> list[CreditLine]:
    return [line for line in folder.credit if line.auroc is not None] or folder.credit


def estimate(seeds: Sequence[Sequence[float]]) -> Quality | None:
    """Average each seed over its steps, then the seeds. Student's interval over seeds, or over steps of a single seed.

    No measure can be below 0, so intervals are cut there.
    """
    known = [list(steps) for steps in seeds if steps]
    if not known:
        return None
    units = np.array([np.mean(steps) for steps in known] if len(known) > 1 else known[0])
    value, count = float(units.mean()), sum(map(len, known))
    if len(units) < 2:
        return Quality(value, None, None, count)
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(units) - 1) * units.std(ddof=1) / len(units) ** 0.5)
    return Quality(value, max(value - half, 0.0), value + half, count)


@dataclass(frozen=True)
class Correlation:
    """Pearson's r over arms with Fisher's interval."""

    value: float
    low: float
    high: float
    arms: int


def correlation(pairs: Sequence[tuple[float, float]]) -> Correlation | None:
    """Correlation of (quality, accuracy) pairs, one per arm.

    None for fewer than :data:`FEWEST` pairs, or where all qualities or all accuracies are equal.
    """
    if len(pairs) < FEWEST or min(np.ptp(np.array(pairs), axis=0)) < 1e-9:
        return None
    sides = np.array(pairs).T
    low, high = stats.pearsonr(*sides).confidence_interval(LEVEL)
    return Correlation(float(np.corrcoef(sides)[0, 1]), float(low), float(high), len(pairs))
