"""The paper's Table 2 checked against itself: k/N of every cell, averages recomputed, and all other findings in words.

Findings are those of :mod:`evals.analysis.published.lint`; nothing here depends on what was trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from evals.analysis.display import method_name
from evals.analysis.published.lint import ROUNDING, attainable, findings
from evals.analysis.published.numbers import Published, PublishedRow, load
from evals.analysis.rendering.captions import Words
from evals.analysis.rendering.document import write_document
from evals.analysis.rendering.layout import ColumnGroup, Entry, Part, TableSection
from evals.benchmarks import BENCHMARKS
from evals.statistics.intervals import AVERAGE

STEM = "publishedcheck"
CAPTION = [
    "Accuracies in percent as printed in arXiv:2605.19436 and its README; ?: not known to us. Under each the number of "
    "right answers k that gives it out of N questions, in bold where no k does.",
    "Right: the mean of the five cells, in bold where the printed average is another number.",
]
EXHIBITS = {"table": "Table", "figure": "Figure"}


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``publishedcheck`` as .md, .csv, .tex and .html to the folder ``out``; returns the paths.

    ``cells`` are not looked at: the published numbers are checked against themselves. Raises DataError if a file of
    ``published`` is broken.
    """
    paper = load(published)
    notes = [("", f"{_exhibit(finding.exhibit)}: {finding.message}") for finding in findings(paper)]
    words = Words("The published numbers, checked against themselves", CAPTION, notes, {})
    return write_document(out, STEM, words, [_part(paper)], pd.DataFrame(_lines(paper)))


def _exhibit(name: str) -> str:
    word = name.rstrip("0123456789")
    return f"{EXHIBITS[word]} {name[len(word) :]}"


def _part(paper: Published) -> Part:
    titles = [f"{bench.title} (N {bench.items})" for bench in BENCHMARKS.values()]
    groups = [ColumnGroup("Published", [*titles, "average printed", "average recomputed"])]
    sections = [
        TableSection(f"{scale}: {model}", [(method_name(row.method), _entries(row)) for row in rows])
        for scale, model in paper.table2.scales.items()
        if (rows := [row for row in paper.table2.rows if row.scale == scale])
    ]
    return Part("Table 2", groups, sections)


def _entries(row: PublishedRow) -> list[Entry]:
    cells = [_cell(row.cells[name], bench.items) for name, bench in BENCHMARKS.items()]
    printed = Entry("?" if row.average is None else f"{row.average:.2f}")
    return [*cells, printed, Entry("" if row.recomputed is None else f"{row.recomputed:.2f}", bold=_differs(row))]


def _cell(percent: float | None, items: int) -> Entry:
    if percent is None:
        return Entry("?")
    known = attainable(percent, items)
    nearest = round(percent * items / 100)
    return Entry(f"{percent:.2f}", (f"k = {nearest}" if known else "no k",), bold=not known)


def _differs(row: PublishedRow) -> bool:
    return row.average is not None and row.recomputed is not None and abs(row.average - row.recomputed) > ROUNDING


def _lines(paper: Published) -> Iterator[Mapping[str, object]]:
    """Every cell, then every finding."""
    for row in paper.table2.rows:
        common = {"exhibit": "table2", "scale": row.scale, "method": row.method}
        for name, value in row.cells.items():
            finding = "" if value is None else "k/N" if attainable(value, BENCHMARKS[name].items) else "no k gives it"
            yield common | {"column": name, "printed": value, "questions": BENCHMARKS[name].items, "finding": finding}
        again = None if row.recomputed is None else round(row.recomputed, 3)
        finding = "is not the mean of the cells" if _differs(row) else ""
        yield common | {"column": AVERAGE, "printed": row.average, "recomputed": again, "finding": finding}
    for finding in findings(paper):
        yield {"exhibit": finding.exhibit, "finding": finding.message}
