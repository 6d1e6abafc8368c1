"""The layout of a table for all formats: rows of entries. That of a comparison: accuracies, then differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evals.analysis.comparison import Block, Comparison, ComparisonRow
from evals.analysis.display import baseline_name
from evals.analysis.rendering.captions import Words
from evals.analysis.rendering.cell_words import interval, paper_number, percent, points, rates
from evals.benchmarks import BENCHMARKS
from evals.statistics.intervals import AVERAGE, Bounded, Estimate

ABSENT = "\u2013"  # en dash: not measured


@dataclass(frozen=True)
class Entry:
    """One place of a table: a number, smaller lines under it, the mark of a footnote."""

    main: str = ""
    small: tuple[str, ...] = ()
    mark: str = ""
    bold: bool = False
    paper: bool = False  # a number of the paper, shown in another style


@dataclass(frozen=True)
class ColumnGroup:
    """Columns under one heading."""

    heading: str
    columns: list[str]
    beside: str = ""  # heading under which narrow formats repeat the last column of this group in other groups


@dataclass(frozen=True)
class TableSection:
    """Rows under one heading, each a name and its entries."""

    heading: str
    rows: list[tuple[str, list[Entry]]]


@dataclass(frozen=True)
class Part:
    """One table; a document may hold several."""

    title: str
    groups: list[ColumnGroup]
    sections: list[TableSection]
    stub: str = "Method"  # heading of the rows' names


def number_entry(number: Bounded | None, shown: Callable[[float], str], mark: float | None = None) -> Entry:
    """A number over its interval, in bold where that excludes ``mark``; a dash where there is no number."""
    if number is None:
        return Entry(ABSENT)
    if number.low is None or number.high is None:
        return Entry(shown(number.value))
    bold = mark is not None and not number.low <= mark <= number.high
    return Entry(shown(number.value), (f"[{shown(number.low)}, {shown(number.high)}]",), bold=bold)


def parts(table: Comparison, words: Words, stub: str = "Method") -> list[Part]:
    """Lay out accuracies, and differences if there are baselines. ``stub``: heading of the rows' names."""
    return [_accuracies(table, words, stub), *([_differences(table, stub)] if table.baselines else [])]


def _accuracies(table: Comparison, words: Words, stub: str) -> Part:
    groups = [ColumnGroup(f"This run, {table.world} world", [table.title(column) for column in table.columns])]
    if paper := _paper_columns(table):
        heading = "The paper" if table.world == "paper" else "The paper (another world)"
        groups.append(ColumnGroup(heading, [_title(column) for column in paper], "paper"))
    sections = [
        TableSection(
            _heading(block),
            [(row.name, _ours(table, row) + _theirs(table, row, paper, words)) for row in block.rows],
        )
        for block in table.blocks
    ]
    return Part("Accuracy (%)", groups, sections, stub)


def _paper_columns(table: Comparison) -> list[str]:
    """Columns of the paper's numbers: none, its average, or also its benchmarks."""
    rows = [row.paper for row in table.rows if row.paper]
    return [*(BENCHMARKS if any(row.cells for row in rows) else []), AVERAGE] if rows else []


def _title(column: str) -> str:
    return BENCHMARKS[column].title if column in BENCHMARKS else "Average"


def _heading(block: Block) -> str:
    paper = f"; the paper: {block.paper_model}" if block.paper_model not in (None, block.model) else ""
    return f"{block.scale}: {block.model}{paper}"


def _ours(table: Comparison, row: ComparisonRow) -> list[Entry]:
    return [
        Entry(percent(estimate.value), (interval(estimate), rates(row, column)))
        if (estimate := row.accuracy.get(column))
        else Entry(ABSENT)
        for column in table.columns
    ]


def _theirs(table: Comparison, row: ComparisonRow, columns: list[str], words: Words) -> list[Entry]:
    return [Entry(paper_number(table, row, column), mark=_mark(row, column, words), paper=True) for column in columns]


def _mark(row: ComparisonRow, column: str, words: Words) -> str:
    return words.marks.get((row.paper.scale, row.paper.method, column), "") if row.paper else ""


def _differences(table: Comparison, stub: str) -> Part:
    titles = [table.title(column) for column in table.columns]
    groups = [ColumnGroup(f"Difference to {baseline_name(name)}", titles) for name in table.baselines]
    sections = [
        TableSection(
            f"{block.scale}: {block.model}",
            [(row.name, _changes(table, row)) for row in block.rows if row.versus],
        )
        for block in table.blocks
    ]
    return Part("Paired difference (points)", groups, [section for section in sections if section.rows], stub)


def _changes(table: Comparison, row: ComparisonRow) -> list[Entry]:
    differences = [row.versus.get(name, {}).get(column) for name in table.baselines for column in table.columns]
    return [change(one) if one else Entry() for one in differences]


def change(estimate: Estimate) -> Entry:
    """A difference in points over its interval, bold where that excludes 0."""
    return Entry(points(estimate.value), (interval(estimate, signed=True),), bold=estimate.excludes_zero)
