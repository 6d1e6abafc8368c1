"""From measured token advantages to ``truth/estimates.jsonl``: how well each arm's credit agrees. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from contracts.files import write_text
from contracts.records import lines_of
from contracts.truth import (
    ESTIMATES,
    LABELS,
    MEASUREMENTS,
    SHOWN,
    TRUTH,
    TruthLine,
    TruthReport,
    TruthRollout,
    read_truth,
)
from evals.rounding import rounded, rounded_bound
from evals.statistics.credit_truth import AGREEMENTS, Agreement, MeasuredTokens, over_problems, reliability

SHOWN_PROBLEMS = 1  # of a scale and state, whose rollouts are kept to look at


def estimate_truth(folders: Sequence[Path], out: Path) -> list[Path]:
    """Write the numbers of all measurements, what each was measured on and rollouts to look at to the folder ``out``.

    ``folders``: of finished measurements. Returns the paths; DataError if one is missing or broken.
    """
    measured = [read_truth(folder) for folder in folders]
    lines = [line for report, rollouts in measured for line in truth_lines(report, rollouts)]
    return [
        write_text(out / ESTIMATES, lines_of(lines)),
        write_text(out / MEASUREMENTS, lines_of([report for report, _ in measured])),
        write_text(out / SHOWN, lines_of(list(_shown(measured)))),
    ]


def truth_lines(report: TruthReport, rollouts: Sequence[TruthRollout]) -> Iterator[TruthLine]:
    """All numbers of one measurement; one that cannot be computed is left out."""
    names = list(dict.fromkeys(name for one in rollouts for name in one.credit))
    for name in names:
        tokens = [_tokens(one, one.credit[name]) for one in rollouts if name in one.credit]
        for quantity, agreement in AGREEMENTS.items():
            yield from _line(report, name, quantity, tokens, agreement)
    read = [_tokens(one, labelled) for one in rollouts if (labelled := _labels(one)) is not None]
    for quantity, agreement in AGREEMENTS.items():
        yield from _line(report, LABELS, quantity, read, agreement)
    every = [_tokens(one, one.first) for one in rollouts]
    yield from _line(report, TRUTH, "reliability", every, reliability)


def _line(
    report: TruthReport, name: str, quantity: str, tokens: Sequence[MeasuredTokens], agreement: Agreement
) -> Iterator[TruthLine]:
    found = over_problems(tokens, agreement) if tokens else None
    if found is not None:
        yield TruthLine(
            scale=report.scale,
            state=report.state,
            seed=report.seed,
            method=name,
            quantity=quantity,
            value=rounded(found.value),
            low=rounded_bound(found.low),
            high=rounded_bound(found.high),
            n=found.problems,
        )


def _tokens(rollout: TruthRollout, credit: Sequence[float]) -> MeasuredTokens:
    first, second = (np.array(values, dtype=float) for values in (rollout.first, rollout.second))
    return MeasuredTokens(rollout.problem, np.array(credit, dtype=float), first, second)


def _labels(rollout: TruthRollout) -> list[float] | None:
    """1 at a decisive token, -1 at a slip, 0 at filler; None where the chain could not be read."""
    if rollout.decisive is None or rollout.slipped is None:
        return None
    return [-1.0 if slip else float(right) for right, slip in zip(rollout.decisive, rollout.slipped, strict=True)]


def _shown(measured: Sequence[tuple[TruthReport, list[TruthRollout]]]) -> Iterator[TruthRollout]:
    """The rollouts of the first problems of each scale and state, of one seed."""
    seen = set[tuple[str, str]]()
    for report, rollouts in measured:
        if (report.scale, report.state) in seen:
            continue
        seen.add((report.scale, report.state))
        problems = list(dict.fromkeys(one.problem for one in rollouts))[:SHOWN_PROBLEMS]
        yield from (one for one in rollouts if one.problem in problems)
