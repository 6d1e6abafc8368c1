"""Table 2: every method on five benchmarks with intervals and paired differences, beside the paper's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from contracts.files import write_text
from evals.analysis.cells import Arm, read_arms, rivals
from evals.analysis.comparison import Comparison, ComparisonRow, PlannedRow, by_scale, compare
from evals.analysis.display import baseline_name
from evals.analysis.published.numbers import Published, load
from evals.analysis.rendering import latex, tidy
from evals.analysis.rendering.captions import Words, intervals, title, words
from evals.analysis.rendering.cell_words import interval, percent
from evals.analysis.rendering.document import write_document
from evals.analysis.rendering.layout import ABSENT, ColumnGroup, Entry, Part, TableSection, change, parts
from evals.statistics.intervals import AVERAGE

BASELINES = ("base", "grpo")  # what every method is compared with


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``table2`` as .md, .csv, .tex and .html and the compact ``table2_main.tex`` to ``out``; returns the paths.

    ``cells``: finished cell folders of one world, scales in the order of the table. ``published``: the folder of the
    paper's numbers. The same cells give the same bytes. Raises DataError if a file is broken or cells do not fit.
    """
    paper = load(published)
    table = compare({scale: _lines(arms, paper) for scale, arms in by_scale(rivals(read_arms(cells))).items()}, paper)
    around = words(table, paper, "table2")
    numbers = tidy.frame(tidy.measured(table), tidy.published_rows(paper.table2))
    main = write_text(out / "table2_main.tex", latex.render(_main_words(table), [_main(table)], "main"))
    return [main, *write_document(out, "table2", around, parts(table, around), numbers)]


def _main_words(table: Comparison) -> Words:
    """The caption of the compact table: what it shows, and what its intervals cover."""
    about = (
        f"Average accuracy over {len(table.benchmarks)} benchmarks in percent, and paired differences in points (bold: "
        "interval excludes 0)."
    )
    return Words(title("table2", table.world), [f"{about} Brackets: {intervals(table.arms)}"], [], {})


def _main(table: Comparison) -> Part:
    """Averages alone: a table that fits a column of a paper."""
    heads = ["average", *(f"\u2212 {baseline_name(name)}" for name in table.baselines)]
    sections = [
        TableSection(block.model, [(row.name, _main_entries(table, row)) for row in block.rows])
        for block in table.blocks
    ]
    return Part("Averages", [ColumnGroup("", heads)], sections)


def _main_entries(table: Comparison, row: ComparisonRow) -> list[Entry]:
    found = row.accuracy.get(AVERAGE)
    accuracy = Entry(percent(found.value), (interval(found),)) if found else Entry(ABSENT)
    changes = [row.versus.get(name, {}).get(AVERAGE) for name in table.baselines]
    return [accuracy, *(change(one) if one else Entry() for one in changes)]


def _lines(arms: Sequence[Arm], published: Published) -> list[PlannedRow]:
    defaults = {arm.method: arm for arm in arms if arm.variant == "default"}
    baselines = {name: defaults[name] for name in BASELINES if name in defaults}
    return [_line(arm, baselines, published) for arm in arms]


def _line(arm: Arm, baselines: dict[str, Arm], published: Published) -> PlannedRow:
    paper = published.table2.row(arm.scale, arm.method, arm.model) if arm.variant == "default" else None
    return PlannedRow(arm.name, arm, {} if arm.method == "base" else baselines, paper)
