"""How often our intervals hold the truth of simulated worlds, beside those of a percentile bootstrap.

``python -m evals.analysis.calibration`` writes this table and that of :mod:`evals.analysis.power` into
``docs/statistics.md``.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.random import Generator

from evals.analysis import power
from evals.analysis.panels import Panel
from evals.analysis.simulation import Sides, World
from evals.analysis.statistics import AVERAGE, differences
from workflows.lib.files import write_text

PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"
WORLDS = 500
SEEDS, SPREADS = (2, 3, 5, 10), (0.0, 0.1, 0.25, 0.6)
RESAMPLES = 400


def ours(sides: Sides) -> tuple[float, float]:
    """The interval of tables and verdicts."""
    found = differences(*sides)[AVERAGE]
    return found.low, found.high


def percentiles(sides: Sides) -> tuple[float, float]:
    """2.5 and 97.5 % of the difference when seeds, and in each benchmark seed problems, are drawn with replacement."""
    rng = np.random.default_rng(0)
    panels = [sides[0][name] - sides[1][name] for name in sides[0]]
    seeds = _counts(rng, len(panels[0].values))
    low, high = np.quantile(np.mean([_resampled(panel, seeds, rng) for panel in panels], axis=0), [0.025, 0.975])
    return float(low), float(high)


def _resampled(panel: Panel, seeds: np.ndarray, rng: Generator) -> np.ndarray:
    """Means of resampled answers, one per resample."""
    picked = _counts(rng, len(panel.sizes))
    sums = np.stack([np.bincount(panel.clusters, row, len(panel.sizes)) for row in panel.values])
    return ((picked @ sums.T) * seeds).sum(axis=1) / seeds.sum(axis=1) / (picked @ panel.sizes)


def _counts(rng: Generator, size: int) -> np.ndarray:
    """How often each of ``size`` units is drawn when ``size`` are drawn with replacement."""
    return rng.multinomial(size, np.full(size, 1 / size), RESAMPLES).astype(float)


def table() -> str:
    """Coverage in percent of both intervals, as Markdown."""
    lines = ["| seeds | seeds apart (logits) | ours | percentile bootstrap |", "| --: | --: | --: | --: |"]
    for seeds in SEEDS:
        for spread in SPREADS:
            world = World(seeds, spread, 0.4)
            shares = [100 * world.coverage(interval, WORLDS) for interval in (ours, percentiles)]
            lines.append(f"| {seeds} | {spread:g} | {shares[0]:.1f} | {shares[1]:.1f} |")
    return "\n".join(lines)


def with_table(text: str, name: str, table: str) -> str:
    """The page with a table between its two marks ``<!-- name -->`` and ``<!-- end -->``."""
    return re.sub(rf"(<!-- {name} -->\n).*?(<!-- end -->)", lambda m: f"{m[1]}{table}\n{m[2]}", text, flags=re.DOTALL)


def main() -> None:
    """Write both tables into the page."""
    text = with_table(PAGE.read_text(encoding="utf-8"), "coverage", table())
    write_text(PAGE, with_table(text, "power", power.table()))


if __name__ == "__main__":
    main()
