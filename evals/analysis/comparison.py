"""Arms on benchmarks as data: accuracies, rates and paired differences of every row, beside the paper's numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from contracts.errors import DataError
from evals.analysis.cells import Arm, CellFolder, unpaired
from evals.analysis.published.numbers import Published, PublishedRow
from evals.benchmarks import BENCHMARKS
from evals.statistics.intervals import AVERAGE, Estimate, accuracies, differences


@dataclass(frozen=True)
class PlannedRow:
    """A row of a table before its numbers are computed."""

    name: str
    arm: Arm | None  # None: no cell of it was given
    against: Mapping[str, Arm]  # name of a baseline -> the arm that is the baseline
    paper: PublishedRow | None = None


@dataclass(frozen=True)
class ComparisonRow:
    """One arm at one scale. Maps are keyed by benchmark and :data:`AVERAGE`; shares, the paper's in percent."""

    name: str
    arm: Arm | None
    accuracy: dict[str, Estimate]
    unparsed: dict[str, float]
    truncated: dict[str, float]
    versus: dict[str, dict[str, Estimate]]  # name of a baseline -> paired differences to it
    paper: PublishedRow | None


@dataclass(frozen=True)
class Block:
    """All rows at one scale."""

    scale: str
    model: str
    paper_model: str | None  # that the paper's numbers in these rows are about
    rows: list[ComparisonRow]


@dataclass(frozen=True)
class Comparison:
    """All scales of one world."""

    world: str
    arms: list[Arm]  # all that a row shows or is compared with
    benchmarks: list[str]  # the paper's order, others last
    sizes: dict[str, int]  # questions per benchmark
    blocks: list[Block]

    @property
    def columns(self) -> list[str]:
        """Benchmarks, then the average."""
        return [*self.benchmarks, AVERAGE]

    @property
    def rows(self) -> list[ComparisonRow]:
        """Rows of all blocks."""
        return [row for block in self.blocks for row in block.rows]

    @property
    def baselines(self) -> list[str]:
        """What rows are compared with, in order of appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row.versus))

    def title(self, column: str) -> str:
        """Heading of a column of ours: a stand-in never carries the benchmark's name alone."""
        if column == AVERAGE:
            return "Average"
        return BENCHMARKS[column].display(self.world) if column in BENCHMARKS else column

    def comparable(self, column: str) -> bool:
        """Whether the paper's number may stand beside ours: always in another world, else for equal question counts."""
        if self.world != "paper":
            return True
        names = BENCHMARKS if column == AVERAGE else (column,)
        return all(self.sizes.get(name) == BENCHMARKS[name].items for name in names)


def compare(scales: Mapping[str, Sequence[PlannedRow]], published: Published) -> Comparison:
    """Fill in the lines of each scale; DataError if cells do not fit together or scores.json contradicts the samples.

    Every scale must have at least one arm.
    """
    arms = _arms([line for lines in scales.values() for line in lines])
    for arm in arms:
        for folder in arm.folders:
            check_scores(folder)
    found = {name for arm in arms for name in arm.panels}
    benchmarks = [name for name in BENCHMARKS if name in found]
    sizes = {name: _size(name, arms) for name in benchmarks}
    blocks = [_block(scale, lines, benchmarks, published) for scale, lines in scales.items()]
    return Comparison(arms[0].folders[0].cell.world, arms, benchmarks, sizes, blocks)


def by_scale(arms: Sequence[Arm]) -> dict[str, list[Arm]]:
    """Arms of each scale, in order of appearance."""
    scales: dict[str, list[Arm]] = {}
    for arm in arms:
        scales.setdefault(arm.scale, []).append(arm)
    return scales


def check_scores(folder: CellFolder) -> None:
    """Raise DataError unless scores.json has the accuracy and the count of every benchmark in samples.parquet."""
    for name, table in folder.samples.items():
        score = folder.scores.benchmarks.get(name)
        accuracy = float(np.mean(table["correct"]))
        if score is None or score.n != len(table) or abs(score.accuracy - accuracy) > 1e-6:
            cause = f"{name}: samples.parquet gives {accuracy:.6f} over {len(table)} questions, scores.json does not"
            raise DataError(
                str(folder.path / "eval" / "scores.json"), cause, "score the cell again", delete_and_rerun=True
            )


def _arms(lines: Sequence[PlannedRow]) -> list[Arm]:
    """Arms of the lines, then those that are only compared with; each once."""
    shown = [line.arm for line in lines if line.arm is not None]
    found = [*shown, *(arm for line in lines for arm in line.against.values())]
    return list({id(arm): arm for arm in found}.values())


def _size(name: str, arms: Sequence[Arm]) -> int:
    first, *others = [arm for arm in arms if name in arm.panels]
    for arm in others:
        if arm.panels[name].questions != first.panels[name].questions:
            raise unpaired(arm.folders[0], name, first.folders[0])
    return len(first.panels[name].questions)


def _block(scale: str, lines: Sequence[PlannedRow], benchmarks: list[str], published: Published) -> Block:
    model = _arms(lines)[0].model
    paper = published.table2.model_at(scale, model) if any(line.paper for line in lines) else None
    return Block(scale, model, paper, [_row(line, benchmarks) for line in lines])


def _row(line: PlannedRow, benchmarks: list[str]) -> ComparisonRow:
    if (arm := line.arm) is None:
        return ComparisonRow(f"{line.name} (not run)", None, {}, {}, {}, {}, line.paper)
    return ComparisonRow(
        name=line.name,
        arm=arm,
        accuracy=drop_incomplete_average(accuracies(arm.panels), arm, benchmarks),
        unparsed=_rates(arm, "parsed", benchmarks, negate=True),
        truncated=_rates(arm, "truncated", benchmarks),
        versus={name: _difference(arm, other, benchmarks) for name, other in line.against.items() if other is not arm},
        paper=line.paper,
    )


def _difference(arm: Arm, other: Arm, benchmarks: list[str]) -> dict[str, Estimate]:
    estimates = differences(arm.panels, other.panels)
    return drop_incomplete_average(drop_incomplete_average(estimates, arm, benchmarks), other, benchmarks)


def drop_incomplete_average(estimates: dict[str, Estimate], arm: Arm, benchmarks: list[str]) -> dict[str, Estimate]:
    """Leave the average out if the arm lacks a benchmark: an average of fewer benchmarks is another number."""
    if set(benchmarks) <= arm.panels.keys():
        return estimates
    return {name: estimate for name, estimate in estimates.items() if name != AVERAGE}


def _rates(arm: Arm, column: str, benchmarks: list[str], negate: bool = False) -> dict[str, float]:
    rates = {name: arm.rate(name, column) for name in benchmarks if name in arm.panels}
    rates = {name: 1 - rate if negate else rate for name, rate in rates.items()}
    return rates | ({AVERAGE: sum(rates.values()) / len(rates)} if len(rates) == len(benchmarks) else {})
