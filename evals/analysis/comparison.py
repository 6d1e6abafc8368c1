"""The main comparison as data: accuracies, rates and paired differences of every arm, beside the paper's rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evals.analysis.cells import Arm, CellFolder, unpaired
from evals.analysis.published import Published
from evals.analysis.published import Row as PaperRow
from evals.analysis.statistics import AVERAGE, Estimate, accuracies, differences
from evals.benchmarks import BENCHMARKS
from workflows.lib.errors import DataError

REFERENCES = ("base", "grpo")  # what every method is compared with
RESAMPLING_SEED = 20260519  # the same for every comparison, so that adding a method moves no other number


@dataclass(frozen=True)
class Row:
    """One method at one scale. Maps are keyed by benchmark and :data:`AVERAGE`; shares, the paper's in percent."""

    arm: Arm
    accuracy: dict[str, Estimate]
    unparsed: dict[str, float]
    truncated: dict[str, float]
    versus: dict[str, dict[str, Estimate]]  # reference -> paired differences
    paper: PaperRow | None


@dataclass(frozen=True)
class Block:
    """All methods at one scale."""

    scale: str
    model: str
    paper_model: str | None
    rows: list[Row]


@dataclass(frozen=True)
class Comparison:
    """All scales of one world."""

    world: str
    benchmarks: list[str]  # the paper's order, others last
    sizes: dict[str, int]  # questions per benchmark
    blocks: list[Block]

    @property
    def columns(self) -> list[str]:
        """Benchmarks, then the average."""
        return [*self.benchmarks, AVERAGE]

    @property
    def rows(self) -> list[Row]:
        """Rows of all blocks."""
        return [row for block in self.blocks for row in block.rows]

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


def compare(arms: Sequence[Arm], published: Published) -> Comparison:
    """Everything Table 2 shows; DataError if cells do not fit together or scores.json contradicts the samples."""
    for arm in arms:
        for folder in arm.folders:
            check_scores(folder)
    found = {name for arm in arms for name in arm.panels}
    benchmarks = [name for name in BENCHMARKS if name in found]
    sizes = {name: _size(name, arms) for name in benchmarks}
    scales = list(dict.fromkeys(arm.scale for arm in arms))
    blocks = [_block(scale, [arm for arm in arms if arm.scale == scale], benchmarks, published) for scale in scales]
    return Comparison(arms[0].folders[0].cell.world, benchmarks, sizes, blocks)


def check_scores(folder: CellFolder) -> None:
    """Raise DataError unless scores.json has the accuracy and the count of every benchmark in samples.parquet."""
    for name, table in folder.samples.items():
        score = folder.scores.benchmarks.get(name)
        accuracy = float(np.mean(table["correct"]))
        if score is None or score.n != len(table) or abs(score.accuracy - accuracy) > 1e-6:
            cause = f"{name}: samples.parquet gives {accuracy:.6f} over {len(table)} questions, scores.json does not"
            raise DataError(str(folder.path / "eval" / "scores.json"), cause, "score the cell again")


def _size(name: str, arms: Sequence[Arm]) -> int:
    first, *others = [arm for arm in arms if name in arm.panels]
    for arm in others:
        if arm.panels[name].questions != first.panels[name].questions:
            raise unpaired(arm.folders[0], name, first.folders[0])
    return len(first.panels[name].questions)


def _block(scale: str, arms: Sequence[Arm], benchmarks: list[str], published: Published) -> Block:
    reference = {arm.method: arm for arm in arms if arm.method in REFERENCES and arm.variant == "default"}
    rows = [_row(arm, reference, benchmarks, published) for arm in arms]
    return Block(scale, arms[0].model, published.table2.model_at(scale, arms[0].model), rows)


def _row(arm: Arm, references: dict[str, Arm], benchmarks: list[str], published: Published) -> Row:
    others = {name: references[name] for name in REFERENCES if name in references}
    if arm.method == "base":
        others = {}
    return Row(
        arm=arm,
        accuracy=_whole(accuracies(arm.panels), arm, benchmarks),
        unparsed=_rates(arm, "parsed", benchmarks, negate=True),
        truncated=_rates(arm, "truncated", benchmarks),
        versus={name: _difference(arm, other, benchmarks) for name, other in others.items() if other is not arm},
        paper=published.table2.row(arm.scale, arm.method, arm.model) if arm.variant == "default" else None,
    )


def _difference(arm: Arm, other: Arm, benchmarks: list[str]) -> dict[str, Estimate]:
    found = differences(arm.panels, other.panels, np.random.default_rng(RESAMPLING_SEED))
    return _whole(_whole(found, arm, benchmarks), other, benchmarks)


def _whole(found: dict[str, Estimate], arm: Arm, benchmarks: list[str]) -> dict[str, Estimate]:
    """Without the average if a benchmark is missing: an average of fewer is not the same number."""
    return found if set(benchmarks) <= arm.panels.keys() else {k: v for k, v in found.items() if k != AVERAGE}


def _rates(arm: Arm, column: str, benchmarks: list[str], negate: bool = False) -> dict[str, float]:
    rates = {name: arm.rate(name, column) for name in benchmarks if name in arm.panels}
    rates = {name: 1 - rate if negate else rate for name, rate in rates.items()}
    return rates | ({AVERAGE: sum(rates.values()) / len(rates)} if len(rates) == len(benchmarks) else {})
