"""Quality of credit as numbers: one estimate per arm and measure over steps and seeds, and what goes with accuracy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from contracts.rollouts import CreditLine
from evals.analysis.cells import Arm, CellFolder

LEVEL = 0.95
FEWEST = 4  # arms from which a correlation has an interval


@dataclass(frozen=True)
class CreditMeasure:
    """One number of a step, and its column."""

    key: str
    group: str
    column: str
    of: Callable[[CreditLine], float | None]
    percent: bool = False


def _rate(credit: str, tokens: str) -> Callable[[CreditLine], float | None]:
    """Credit of a kind of token over that of the average token: its share of all credit over its share of tokens."""

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
    """A mean with its 95 % interval; None where one value gives none."""

    value: float
    low: float | None
    high: float | None
    steps: int  # that had a value, of all seeds


def quality(arm: Arm) -> dict[str, Quality]:
    """Estimates by key of :data:`MEASURES`; those that no step has are left out.

    Counted are the steps whose weights rank tokens, or all steps of an arm whose weights never do.
    """
    lines = [_scored(folder) for folder in arm.folders]
    found = {
        m.key: estimate([[v for line in seed if (v := m.of(line)) is not None] for seed in lines]) for m in MEASURES
    }
    return {key: one for key, one in found.items() if one is not None}


def _scored(folder: CellFolder) -> list[CreditLine]:
    return [line for line in folder.credit if line.auroc is not None] or folder.credit


def estimate(seeds: Sequence[Sequence[float]]) -> Quality | None:
    """Mean over seeds of their means over steps; Student's interval over seeds, over steps where there is one seed.

    No measure is below 0, so no interval is.
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
