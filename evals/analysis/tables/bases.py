"""The untrained bases under each way to sample, beside the paper's row of bases, with a verdict on each.

Nothing is trained, so a difference can only come from how questions were asked, sampled and scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import DataError
from evals.analysis import provenance
from evals.analysis.cells import Arm, read_arms
from evals.analysis.comparison import by_scale
from evals.analysis.published.numbers import PublishedRow, load
from evals.analysis.rendering import tidy
from evals.analysis.rendering.captions import Words, title
from evals.analysis.rendering.cell_words import interval, percent, points
from evals.analysis.rendering.document import write_document
from evals.analysis.rendering.layout import ABSENT, ColumnGroup, Entry, Part, TableSection
from evals.benchmarks import BENCHMARKS
from evals.statistics.intervals import AVERAGE, Estimate, accuracies

AGREES, DIFFERS = "as published", "not as published"
CAPTION = (
    "Accuracy in percent of the untrained models, one answer per question; the average weighs the benchmarks equally. "
    "Brackets: 95 % intervals over questions."
)
BESIDE_PAPER = [
    "Below the brackets: ours less the published number, in points, in bold where it is more than chance.",
    "Chance here is the square root of 2 times the half-width of the interval beside it: the published number is one "
    "run too, and counts as uncertain as ours. Both asked the same questions, so this leaves chance too much room, and "
    "a bold difference is one indeed.",
    f"Verdict, by the average: '{AGREES}' if its difference is no more than chance, else '{DIFFERS}'. Where one way to "
    "sample agrees and another does not, the published numbers most likely come from the one that agrees.",
]


@dataclass(frozen=True)
class SampledBase:
    """One base model under one way to sample, and the paper's row of it (None: other models, other questions)."""

    arm: Arm
    accuracy: dict[str, Estimate]
    paper: PublishedRow | None

    def published(self, column: str) -> float | None:
        """The paper's number as a share; None if it has none."""
        if self.paper is None:
            return None
        percent_of = self.paper.average if column == AVERAGE else self.paper.cells.get(column)
        return None if percent_of is None else percent_of / 100

    def difference(self, column: str) -> tuple[float, float] | None:
        """Ours less the published number, and what chance may make of it, as shares; None if there is none."""
        theirs, ours = self.published(column), self.accuracy[column]
        if theirs is None or ours.variance is None:
            return None
        return ours.value - theirs, 2**0.5 * ours.variance.half_width(0.95)

    @property
    def verdict(self) -> str:
        """Whether the average is the published one; empty if there is none."""
        found = self.difference(AVERAGE)
        return "" if found is None else AGREES if abs(found[0]) <= found[1] else DIFFERS


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``bases`` as .md, .csv, .tex and .html to the folder ``out``; returns the paths.

    ``cells``: finished cell folders of one world; trained ones are left out. ``published``: the folder of the paper's
    numbers. Raises DataError if no untrained base was evaluated.
    """
    paper = load(published)
    arms = [arm for arm in read_arms(cells) if arm.method == "base"]
    if not arms:
        raise DataError("cells", "no untrained base among them", "run the experiment 'bases'")
    world = arms[0].folders[0].cell.world
    rows = [
        SampledBase(
            arm, accuracies(arm.panels), paper.table2.row(arm.scale, "base", arm.model) if world == "paper" else None
        )
        for arm in arms
    ]
    columns = [*(name for name in BENCHMARKS if name in rows[0].accuracy), AVERAGE]
    sections = [
        TableSection(
            f"{scale}: {members[0].model}",
            [
                *([_published(rows, scale, columns)] if world == "paper" else []),
                *((_name(row), _entries(row, columns)) for row in rows if row.arm in members),
            ],
        )
        for scale, members in by_scale(arms).items()
    ]
    heads = [BENCHMARKS[name].display(world) if name in BENCHMARKS else "Average" for name in columns]
    heads += ["Verdict"] if world == "paper" else []
    part = Part("The untrained bases", [ColumnGroup("Accuracy (%)", heads)], sections, "Sampling")
    words = Words(title("bases", world), [CAPTION, *(BESIDE_PAPER if world == "paper" else [])], [], {})
    return write_document(out, "bases", words, [part], tidy.frame(_lines(rows, columns)))


def _name(row: SampledBase) -> str:
    settings = provenance.sampling(row.arm.folders[0].scores.generation)
    limits = "" if "max_new_tokens" in row.arm.folders[0].scores.generation else ", each task's own limit"
    return f"{row.arm.variant}: {settings}{limits}"


def _published(rows: Sequence[SampledBase], scale: str, columns: Sequence[str]) -> tuple[str, list[Entry]]:
    row = next(row for row in rows if row.arm.scale == scale)
    shown = [row.published(column) for column in columns]
    return "the paper", [*(Entry(ABSENT if value is None else f"{100 * value:.2f}") for value in shown), Entry("")]


def _entries(row: SampledBase, columns: Sequence[str]) -> list[Entry]:
    return [
        *(_entry(row, column) for column in columns),
        *([Entry(row.verdict)] if row.arm.folders[0].cell.world == "paper" else []),
    ]


def _entry(row: SampledBase, column: str) -> Entry:
    estimate, found = row.accuracy[column], row.difference(column)
    below = [interval(estimate), *([points(found[0])] if found else [])]
    return Entry(percent(estimate.value), tuple(below), bold=found is not None and abs(found[0]) > found[1])


def _lines(rows: Sequence[SampledBase], columns: Sequence[str]) -> Iterator[tidy.Line]:
    for row in rows:
        common = tidy.arm_line(row.arm, _name(row)) | {"unit": "percent"}
        for column in columns:
            ours, found = row.accuracy[column], row.difference(column)
            value, low, high = (round(100 * share, 4) for share in (ours.value, ours.low, ours.high))
            place = common | {"benchmark": column, "questions": ours.n}
            yield place | {"quantity": "accuracy", "value": value, "low": low, "high": high}
            if found is not None:
                reach = [round(100 * (found[0] + side * found[1]), 4) for side in (-1, 0, 1)]
                values = {"value": reach[1], "low": reach[0], "high": reach[2]}
                yield place | {"unit": "points", "quantity": "difference from the published number"} | values
