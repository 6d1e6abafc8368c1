"""Tables of pairs: each row names how an arm differs from its partner, and shows the change in accuracy.

Beside the benchmarks stand held-out problems, of the kind that was trained on, where credit shows first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from evals.analysis.cells import Arm, read_arms
from evals.analysis.claims.numbers import Measured
from evals.analysis.comparison import Comparison, ComparisonRow, PlannedRow, by_scale, compare
from evals.analysis.held_out import held_out
from evals.analysis.pairs import Pair, Topic
from evals.analysis.published.numbers import load
from evals.analysis.rendering import tidy
from evals.analysis.rendering.captions import words
from evals.analysis.rendering.cell_words import interval, percent, points, rates
from evals.analysis.rendering.document import write_document
from evals.analysis.rendering.layout import ABSENT, ColumnGroup, Entry, Part, TableSection, change, number_entry
from evals.statistics.intervals import AVERAGE

PARTNER = "partner"  # name of the baseline of every row
STUB = "Arm \u2212 partner"
HELD_OUT = "held-out problems"  # beside the benchmarks in the .csv
ABOUT = (
    "Each row compares an arm with a partner that differs from it in what the row names; differences are arm minus "
    "partner."
)

HeldOut = Mapping[Pair, Measured]  # of the pairs that have it


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
    pairs = {scale: [pair for topic in topics for pair in topic.pairs] for scale, topics in asked.items()}
    paper = load(published)
    table = compare({scale: [_line(pair) for pair in members] for scale, members in pairs.items()}, paper)
    trained = _held_out([pair for members in pairs.values() for pair in members])
    around = words(table, paper, stem, [ABOUT, *about, *_about_held_out(trained)])
    numbers = tidy.frame(tidy.measured(table), _held_out_lines(trained))
    return write_document(out, stem, around, _parts(table, asked, trained), numbers)


def _line(pair: Pair) -> PlannedRow:
    lacking = " (partner not run)" if pair.arm is not None and pair.partner is None else ""
    return PlannedRow(pair.name + lacking, pair.arm, {PARTNER: pair.partner} if pair.partner else {})


def _held_out(pairs: Sequence[Pair]) -> HeldOut:
    found = {pair: held_out(pair.arm, pair.partner) for pair in pairs if pair.arm and pair.partner}
    return {pair: one for pair, one in found.items() if one is not None}


def _about_held_out(trained: HeldOut) -> list[str]:
    """Say what the column of held-out problems shows, and in how many rows it excludes 0; nothing without such rows."""
    if not trained:
        return []
    count = sum(_gain(one).bold for one in trained.values())
    return [
        "Held-out problems: those of the validation split, of the kind that was trained on, after the last step. "
        f"Intervals over seeds; {count} of {len(trained)} exclude 0."
    ]


def _gain(one: Measured | None) -> Entry:
    return number_entry(one, lambda value: points(value / 100), mark=0.0)


def _held_out_lines(trained: HeldOut) -> Iterator[tidy.Line]:
    for pair, one in trained.items():
        line = tidy.arm_line(pair.arm, pair.name) if pair.arm else {}
        line |= {"benchmark": HELD_OUT, "quantity": f"difference to {PARTNER}", "unit": "points"}
        ends = {"value": one.value, "low": one.low, "high": one.high}
        yield line | {name: None if end is None else round(end, 4) for name, end in ends.items()}


def _parts(table: Comparison, asked: Mapping[str, Sequence[Topic]], trained: HeldOut) -> list[Part]:
    last, heading = (["held-out difference"], ", held-out problems (points)") if trained else ([], "")
    average = [ColumnGroup(f"Average (%){heading}", ["arm", "partner", "difference", *last])]
    each = [ColumnGroup("Difference (points)", [table.title(column) for column in table.benchmarks])]

    def both(row: ComparisonRow, pair: Pair) -> list[Entry]:
        return [*_averages(row), *([_gain(trained.get(pair))] if trained else [])]

    def by_benchmark(row: ComparisonRow, _pair: Pair) -> list[Entry]:
        by = row.versus.get(PARTNER, {})
        return [change(by[name]) if name in by else Entry(ABSENT) for name in table.benchmarks]

    return [
        Part("Average accuracy", average, list(_sections(table, asked, both)), STUB),
        Part("By benchmark", each, list(_sections(table, asked, by_benchmark)), STUB),
    ]


def _sections(
    table: Comparison, asked: Mapping[str, Sequence[Topic]], entries: Callable[[ComparisonRow, Pair], list[Entry]]
) -> Iterator[TableSection]:
    for block in table.blocks:
        rows = iter(block.rows)
        for topic in asked[block.scale]:
            named = [(row.name, entries(row, pair)) for pair, row in zip(topic.pairs, rows, strict=False)]
            yield TableSection(f"{block.scale}: {topic.question}", named)


def _averages(row: ComparisonRow) -> list[Entry]:
    own, by = row.accuracy.get(AVERAGE), row.versus.get(PARTNER, {}).get(AVERAGE)
    accuracy = Entry(percent(own.value), (f"{interval(own)} {rates(row, AVERAGE)}",)) if own else Entry(ABSENT)
    if own is None or by is None:
        return [accuracy, Entry(ABSENT), Entry(ABSENT)]
    return [accuracy, Entry(percent(own.value - by.value)), change(by)]
