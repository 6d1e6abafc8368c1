"""Table 2: every method on five benchmarks with intervals and paired differences, beside the paper's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evals.analysis import latex, markdown, tidy, webpage
from evals.analysis.captions import words
from evals.analysis.cells import read_arms
from evals.analysis.comparison import compare
from evals.analysis.layout import parts
from evals.analysis.published import load
from workflows.lib.files import write_text


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``table2`` as .md, .csv, .tex and .html to the folder ``out``; returns the paths.

    ``cells``: finished cell folders of one world, scales in the order of the table. ``published``: the folder of the
    paper's numbers. The same cells give the same bytes. Raises DataError if a file is broken or cells do not fit.
    """
    paper = load(published)
    table = compare(read_arms(cells), paper)
    around = words(table, paper)
    layout = parts(table, around)
    texts = {
        "md": markdown.render(around, layout),
        "csv": tidy.frame(table, paper).to_csv(index=False, lineterminator="\n"),
        "tex": latex.render(around, layout),
        "html": webpage.render(around, layout),
    }
    return [write_text(out / f"table2.{kind}", text) for kind, text in texts.items()]
