"""From measured gradients to ``gradients/estimates.jsonl``: every number of every arm, with its interval. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
from jaxtyping import Float

from contracts.files import write_text
from contracts.gradients import (
    ESTIMATES,
    MEASUREMENTS,
    TARGET,
    GradientLine,
    GradientReport,
    read_gradients,
)
from contracts.records import lines_of
from evals.rounding import rounded, rounded_bound
from evals.statistics.gradient_signal import (
    GradientEstimate,
    difference,
    direction,
    estimate,
    products_of_gram,
    progress,
    ratio_estimate,
    samples,
    snr,
)

BASELINE = "grpo"  # what directions and progress are compared with
AIMED = {"direction": direction, "progress": progress}  # measures against the policy gradient


def estimate_gradients(folders: Sequence[Path], out: Path) -> list[Path]:
    """Write the numbers of all measurements, and what each was measured on, to the folder ``out``; returns the paths.

    ``folders``: of finished measurements. DataError if one is missing or broken.
    """
    measured = [read_gradients(folder) for folder in folders]
    lines = [line for report, gram in measured for line in gradient_lines(report, gram)]
    return [
        write_text(out / ESTIMATES, lines_of(lines)),
        write_text(out / MEASUREMENTS, lines_of([report for report, _ in measured])),
    ]


def gradient_lines(report: GradientReport, gram: Float[np.ndarray, "K M K M"]) -> Iterator[GradientLine]:
    """All numbers of one measurement; one that cannot be computed is left out.

    SNR of every arm; samples of every pair of arms; direction and progress of every arm, and how far they are from
    GRPO's. The two of a pair were measured on the same batches, so that what both share by chance cancels.
    """
    products, names = products_of_gram(gram), report.methods
    place = {name: i for i, name in enumerate(names)}
    found: list[tuple[str, str | None, str, GradientEstimate | None]] = []
    found += [(name, None, "snr", ratio_estimate(products, snr(place[name]))) for name in names]
    for ours, theirs in permutations(names, 2):
        found.append((ours, theirs, "samples", ratio_estimate(products, samples(place[ours], place[theirs]))))
    target = place[TARGET]
    for quantity, measure in AIMED.items():
        for name in names:
            own = measure(place[name], target)
            if name != TARGET:
                found.append((name, None, quantity, estimate(products, own)))
            if name != BASELINE and BASELINE in place:
                other = difference(own, measure(place[BASELINE], target))
                found.append((name, BASELINE, f"{quantity}_difference", estimate(products, other)))
    for method, theirs, quantity, number in found:
        if number is not None:
            yield GradientLine(
                scale=report.scale,
                state=report.state,
                seed=report.seed,
                method=method,
                theirs=theirs,
                quantity=quantity,
                value=rounded(number.value),
                low=rounded_bound(number.low),
                high=rounded_bound(number.high),
                n=report.batches,
            )
