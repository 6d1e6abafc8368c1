"""Count how often our intervals contain the truth of simulated worlds, and compare with a percentile bootstrap.

``python -m evals.statistics.calibration`` writes this table and those of :mod:`evals.statistics.power` and
:mod:`evals.statistics.verdict_calibration` into ``docs/statistics.md``.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from contracts.files import write_text
from contracts.paths import ROOT
from evals.statistics import power, verdict_calibration
from evals.statistics.intervals import Estimate, contrast, equal_weights
from evals.statistics.panels import Panel, paired_terms
from evals.statistics.simulated_worlds import MICRO, Sides, World

PAGE = ROOT / "docs" / "statistics.md"
WORLDS = 2000
BOOTSTRAPPED = 500  # worlds; the bootstrap takes longer
EFFECT = 0.4  # logits
SEEDS, BETWEEN = (2, 3, 5, 10), (0.0, 0.1, 0.25, 0.6)
RESAMPLES = 400


def lead(sides: Sides) -> Estimate:
    """Difference of the average over benchmarks, as ``differences`` of :mod:`evals.statistics.intervals` gives it."""
    names = list(sides[0])
    return contrast(paired_terms(*sides, names), equal_weights(names))


def ours(sides: Sides) -> tuple[float, float]:
    """The interval that tables and verdicts use."""
    estimate = lead(sides)
    return estimate.low, estimate.high


def percentiles(sides: Sides) -> tuple[float, float]:
    """2.5 and 97.5 % quantiles of the difference, with seeds and seed problems drawn with replacement."""
    rng = np.random.default_rng(0)
    panels = [sides[0][name] - sides[1][name] for name in sides[0]]
    seeds = _counts(rng, len(panels[0].values))
    low, high = np.quantile(np.mean([_resampled(panel, seeds, rng) for panel in panels], axis=0), [0.025, 0.975])
    return float(low), float(high)


def _resampled(panel: Panel, seeds: np.ndarray, rng: Generator) -> np.ndarray:
    """Means of resampled answers, one for each resample."""
    picked = _counts(rng, len(panel.sizes))
    sums = np.stack([np.bincount(panel.clusters, row, len(panel.sizes)) for row in panel.values])
    return ((picked @ sums.T) * seeds).sum(axis=1) / seeds.sum(axis=1) / (picked @ panel.sizes)


def _counts(rng: Generator, size: int) -> np.ndarray:
    """How often each of ``size`` units is drawn when ``size`` are drawn with replacement."""
    return rng.multinomial(size, np.full(size, 1 / size), RESAMPLES).astype(float)


def table() -> str:
    """Coverage of our intervals and mistaken verdicts, beside a bootstrap's coverage; percent, as Markdown."""
    heads = (
        "seeds",
        "methods apart (logits)",
        "ours, effect",
        "ours, none",
        "lead seen where none is",
        "bootstrap, effect",
    )
    lines = [f"| {' | '.join(heads)} |", "| --: " * len(heads) + "|"]
    lines += [_line(World(1, 0.0, EFFECT))]
    lines += [_line(World(seeds, between, EFFECT)) for seeds in SEEDS for between in BETWEEN]
    lines += [_line(World(3, between, EFFECT, MICRO), " (five benchmarks)") for between in BETWEEN]
    return "\n".join(lines)


def _line(world: World, about: str = "") -> str:
    none = replace(world, effect=0.0)
    ends = np.array([ours(sides) for sides in none.worlds(WORLDS)])
    mistaken = max(np.mean(ends[:, 0] > 0), np.mean(ends[:, 1] < 0))
    held = np.mean((ends[:, 0] <= 0) & (ends[:, 1] >= 0))
    shares = (world.coverage(ours, WORLDS), held, mistaken, world.coverage(percentiles, BOOTSTRAPPED))
    return (
        f"| {world.seeds}{about} | {world.between:g} | " + " | ".join(f"{100 * share:.1f}" for share in shares) + " |"
    )


def with_table(text: str, name: str, table: str) -> str:
    """Put a table into the page, between its two marks ``<!-- name -->`` and ``<!-- end -->``."""
    return re.sub(rf"(<!-- {name} -->\n).*?(<!-- end -->)", lambda m: f"{m[1]}{table}\n{m[2]}", text, flags=re.DOTALL)


def main() -> None:
    """Write the three tables into the page."""
    tables = {"coverage": table(), "power": power.table(), "verdicts": verdict_calibration.table()}
    text = PAGE.read_text(encoding="utf-8")  # read only now, because the page may have been edited while this ran
    for name, lines in tables.items():
        text = with_table(text, name, lines)
    write_text(PAGE, text)


if __name__ == "__main__":
    main()
