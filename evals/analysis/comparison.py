"""The numbers of a table: accuracies, rates and paired differences of every row, and the paper's numbers."""

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
    arm: Arm | None  # None: none of its cells was given
    against: Mapping[str, Arm]  # the baselines of this row: name -> arm
    paper: PublishedRow | None = None


@dataclass(frozen=True)
class ComparisonRow:
    """A row with its numbers, by benchmark and :data:`AVERAGE`. They are shares; those of the paper are percent."""

    name: str
    arm: Arm | None
    accuracy: dict[str, Estimate]
    unparsed: dict[str, float]
    truncated: dict[str, float]
    baselines: Mapping[str, Arm]  # name -> arm
    versus: dict[str, dict[str, Estimate]]  # by baseline: paired differences to it
    paper: PublishedRow | None


@dataclass(frozen=True)
class Block:
    """The rows of one scale."""

    scale: str
    model: str
    paper_model: str | None  # the base model of the paper's numbers in these rows
    rows: list[ComparisonRow]


@dataclass(frozen=True)
class Comparison:
    """A table: the rows of all scales of one world."""

    world: str
    arms: list[Arm]  # the arms of all rows, and their baselines
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
        """Names of the baselines, in order of appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row.versus))

    def title(self, column: str) -> str:
        """Heading of a column. A benchmark of the micro world never has the name of the real one alone."""
        if column == AVERAGE:
            return "Average"
        return BENCHMARKS[column].display(self.world) if column in BENCHMARKS else column

    def comparable(self, column: str) -> bool:
        """Whether the paper's number may stand beside ours.

        In the paper world it may if the numbers of questions are equal. In another world it always may, because there
        the two are never compared directly.
        """
        if self.world != "paper":
            return True
        names = BENCHMARKS if column == AVERAGE else (column,)
        return all(self.sizes.get(name) == BENCHMARKS[name].items for name in names)


def compare(scales: Mapping[str, Sequence[PlannedRow]], published: Published) -> Comparison:
    """Compute the numbers of all planned rows, by scale. Every scale must have at least one arm.

    Raises DataError if cells do not fit together or scores.json contradicts the samples.
    """
    arms = _arms([line for lines in scales.values() for line in lines])
    for arm in arms:
        for folder in arm.folders:
            check_scores(folder)
    answered = {name for arm in arms for name in arm.panels}
    benchmarks = [name for name in BENCHMARKS if name in answered]
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
    """Arms of the rows, then those that are baselines only; each once."""
    shown = [line.arm for line in lines if line.arm is not None]
    arms = [*shown, *(arm for line in lines for arm in line.against.values())]
    return list({id(arm): arm for arm in arms}.values())


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
        return ComparisonRow(f"{line.name} (not run)", None, {}, {}, {}, {}, {}, line.paper)
    baselines = {name: other for name, other in line.against.items() if other is not arm}
    return ComparisonRow(
        name=line.name,
        arm=arm,
        accuracy=drop_incomplete_average(accuracies(arm.panels), arm, benchmarks),
        unparsed=_rates(arm, "parsed", benchmarks, negate=True),
        truncated=_rates(arm, "truncated", benchmarks),
        baselines=baselines,
        versus={name: _difference(arm, other, benchmarks) for name, other in baselines.items()},
        paper=line.paper,
    )


def _difference(arm: Arm, other: Arm, benchmarks: list[str]) -> dict[str, Estimate]:
    estimates = differences(arm.panels, other.panels)
    return drop_incomplete_average(drop_incomplete_average(estimates, arm, benchmarks), other, benchmarks)


def drop_incomplete_average(estimates: dict[str, Estimate], arm: Arm, benchmarks: list[str]) -> dict[str, Estimate]:
    """Remove the average if the arm lacks a benchmark, because it would then average other benchmarks."""
    if set(benchmarks) <= arm.panels.keys():
        return estimates
    return {name: estimate for name, estimate in estimates.items() if name != AVERAGE}


def _rates(arm: Arm, column: str, benchmarks: list[str], negate: bool = False) -> dict[str, float]:
    rates = {name: arm.rate(name, column) for name in benchmarks if name in arm.panels}
    rates = {name: 1 - rate if negate else rate for name, rate in rates.items()}
    return rates | ({AVERAGE: sum(rates.values()) / len(rates)} if len(rates) == len(benchmarks) else {})
