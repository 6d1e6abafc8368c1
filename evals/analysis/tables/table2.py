"""Table 2: every method on five benchmarks with intervals and paired differences, beside the paper's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evals.analysis.cells import Arm, read_arms
from evals.analysis.comparison import PlannedRow, by_scale, compare
from evals.analysis.published.numbers import Published, load
from evals.analysis.rendering import tidy
from evals.analysis.rendering.captions import words
from evals.analysis.rendering.document import write_document
from evals.analysis.rendering.layout import parts

BASELINES = ("base", "grpo")  # what every method is compared with


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``table2`` as .md, .csv, .tex and .html to the folder ``out``; returns the paths.

    ``cells``: finished cell folders of one world, scales in the order of the table. ``published``: the folder of the
    paper's numbers. The same cells give the same bytes. Raises DataError if a file is broken or cells do not fit.
    """
    paper = load(published)
    table = compare({scale: _lines(arms, paper) for scale, arms in by_scale(read_arms(cells)).items()}, paper)
    around = words(table, paper, "table2")
    numbers = tidy.frame(tidy.measured(table), tidy.published_rows(paper.table2))
    return write_document(out, "table2", around, parts(table, around), numbers)


def _lines(arms: Sequence[Arm], published: Published) -> list[PlannedRow]:
    defaults = {arm.method: arm for arm in arms if arm.variant == "default"}
    baselines = {name: defaults[name] for name in BASELINES if name in defaults}
    return [_line(arm, baselines, published) for arm in arms]


def _line(arm: Arm, baselines: dict[str, Arm], published: Published) -> PlannedRow:
    paper = published.table2.row(arm.scale, arm.method, arm.model) if arm.variant == "default" else None
    return PlannedRow(arm.name, arm, {} if arm.method == "base" else baselines, paper)
