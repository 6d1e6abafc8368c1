"""How many answers a careful second reading would change, and which comparisons it would change, in words."""

from __future__ import annotations

from collections.abc import Iterator

from evals.analysis.cells import Arm
from evals.analysis.comparison import Comparison
from evals.analysis.rendering.cell_words import interval, points
from evals.statistics.intervals import AVERAGE, Estimate, differences

PAGE = "docs/second-reading.md"


def changed(arm: Arm) -> dict[str, float]:
    """Answers of each benchmark that the second reading would change, per evaluation; those without one are absent."""
    return {
        name: float((arm.panels[name].values != second.values).sum(axis=1).mean())
        for name, second in arm.second_panels.items()
    }


def second_reading(table: Comparison) -> list[str]:
    """Sentences for a caption; none where no answer has a second reading."""
    counts = [(arm, found) for arm in table.arms if (found := changed(arm))]
    if not counts:
        return []
    named = [f"{_name(arm, table)} {sum(found.values()):.0f}{_where(found, table)}" for arm, found in counts]
    flips = list(_flips(table))
    would = (
        f"It would change what these differences say: {'; '.join(flips)}" if flips else "It would change no difference"
    )
    return [
        f"A careful second reading ({PAGE}) would change this many answers of an evaluation: {', '.join(named)}.",
        f"{would}.",
    ]


def _name(arm: Arm, table: Comparison) -> str:
    """``CEPO``; ``large CEPO`` in a table of several scales."""
    return arm.name if len(table.blocks) == 1 else f"{arm.scale} {arm.name}"


def _where(found: dict[str, float], table: Comparison) -> str:
    parts = [f"{table.title(name)} {count:.0f}" for name, count in found.items() if round(count)]
    return f" ({', '.join(parts)})" if parts else ""


def _flips(table: Comparison) -> Iterator[str]:
    """Differences that exclude 0 on the same side under one reading only."""
    run = [(row, row.arm) for row in table.rows if row.arm is not None]
    compared = [(arm, other, row.versus[name]) for row, arm in run for name, other in row.baselines.items()]
    for arm, other, by in compared:
        again = differences(arm.second_panels, other.second_panels)
        for column, first in by.items():
            second = again.get(column)
            if second and _side(first) != _side(second) and _complete(column, arm, other):
                where = f"{_name(arm, table)} \u2212 {other.name}, {table.title(column)}"
                yield f"{where}: {_shown(first, second)}"


def _complete(column: str, *arms: Arm) -> bool:
    """An average only counts over the same benchmarks under both readings."""
    return column != AVERAGE or all(arm.second_panels.keys() == arm.panels.keys() for arm in arms)


def _side(estimate: Estimate) -> int:
    return (estimate.low > 0) - (estimate.high < 0)


def _shown(first: Estimate, second: Estimate) -> str:
    before, after = (f"{points(one.value)} {interval(one, signed=True)}" for one in (first, second))
    return f"{before} becomes {after}"
