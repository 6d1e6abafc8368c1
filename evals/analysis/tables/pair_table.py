"""Tables of pairs: each row names how an arm differs from its partner, and shows the change in accuracy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from evals.analysis.cells import Arm, read_arms
from evals.analysis.comparison import Comparison, ComparisonRow, PlannedRow, by_scale, compare
from evals.analysis.pairs import Pair, Topic
from evals.analysis.published.numbers import load
from evals.analysis.rendering import tidy
from evals.analysis.rendering.captions import words
from evals.analysis.rendering.cell_words import interval, percent, rates
from evals.analysis.rendering.document import write_document
from evals.analysis.rendering.layout import ABSENT, ColumnGroup, Entry, Part, TableSection, change
from evals.statistics.intervals import AVERAGE

PARTNER = "partner"  # name of the baseline of every row
STUB = "Arm \u2212 partner"
ABOUT = (
    "Each row compares an arm with a partner that differs from it in what the row names; differences are arm minus "
    "partner."
)


def write_pairs(
    stem: str,
    topics: Callable[[Sequence[Arm]], list[Topic]],
    about: Sequence[str],
    cells: Sequence[Path],
    published: Path,
    out: Path,
) -> list[Path]:
    """Write ``stem`` as .md, .csv, .tex and .html to the folder ``out``; returns the paths.

    ``topics`` says which arms of one scale make pairs; ``about`` goes into the caption. ``cells``: finished cell
    folders of one world. ``published``: the folder of the paper's numbers. A pair without cells says so. Raises
    DataError as Table 2 does.
    """
    asked = {scale: topics(arms) for scale, arms in by_scale(read_arms(cells)).items()}
    lines = {scale: [_line(pair) for topic in topics for pair in topic.pairs] for scale, topics in asked.items()}
    paper = load(published)
    table = compare(lines, paper)
    around = words(table, paper, stem, [ABOUT, *about])
    return write_document(out, stem, around, _parts(table, asked), tidy.frame(tidy.measured(table)))


def _line(pair: Pair) -> PlannedRow:
    lacking = " (partner not run)" if pair.arm is not None and pair.partner is None else ""
    return PlannedRow(pair.name + lacking, pair.arm, {PARTNER: pair.partner} if pair.partner else {})


def _parts(table: Comparison, asked: Mapping[str, Sequence[Topic]]) -> list[Part]:
    average = [ColumnGroup("Average (%)", ["arm", "partner", "difference"])]
    each = [ColumnGroup("Difference (points)", [table.title(column) for column in table.benchmarks])]
    return [
        Part("Average accuracy", average, list(_sections(table, asked, _averages)), STUB),
        Part("By benchmark", each, list(_sections(table, asked, _by_benchmark)), STUB),
    ]


def _sections(
    table: Comparison, asked: Mapping[str, Sequence[Topic]], entries: Callable[[Comparison, ComparisonRow], list[Entry]]
) -> Iterator[TableSection]:
    for block in table.blocks:
        rows = iter(block.rows)
        for topic in asked[block.scale]:
            named = [(row.name, entries(table, row)) for row in islice(rows, len(topic.pairs))]
            yield TableSection(f"{block.scale}: {topic.question}", named)


def _averages(table: Comparison, row: ComparisonRow) -> list[Entry]:
    own, by = row.accuracy.get(AVERAGE), row.versus.get(PARTNER, {}).get(AVERAGE)
    accuracy = Entry(percent(own.value), (f"{interval(own)} {rates(row, AVERAGE)}",)) if own else Entry(ABSENT)
    if own is None or by is None:
        return [accuracy, Entry(ABSENT), Entry(ABSENT)]
    return [accuracy, Entry(percent(own.value - by.value)), change(by)]


def _by_benchmark(table: Comparison, row: ComparisonRow) -> list[Entry]:
    by = row.versus.get(PARTNER, {})
    return [change(by[name]) if name in by else Entry(ABSENT) for name in table.benchmarks]
