"""What the workflow must know of a table or a figure: the cells it shows, the files it reads and those it writes.

The lists themselves are :data:`evals.analysis.tables.TABLES` and :data:`evals.analysis.figures.FIGURES`. Planning reads
them, so nothing here imports a library.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ANSWERS = ("eval/samples.parquet", "eval/scores.json")  # files of every evaluated cell
TRAINING = ("train.jsonl", "run.json")  # files of trained cells only; the untrained base has none of them
CREDIT = "credit.jsonl"  # scores of a trained cell's credit
TRAINED_ONLY = (*TRAINING, CREDIT)

Cells = Literal["experiment", "trained", "all", "none"]
"""Which cells are shown: those of the experiments that name the table or figure, of these only the trained ones, or
all cells of the run, whichever experiment they belong to, or none: then a change of cells does not make it again."""


@dataclass(frozen=True)
class Table:
    """A module of ``evals/analysis/tables`` that has ``write(cells, published, out)``, listed under its own name."""

    cells: Cells = "experiment"
    reads_credit: bool = False  # also reads credit.jsonl of the trained cells
    formats: tuple[str, ...] = ("md", "csv", "tex", "html")  # suffixes of the files it writes
    reads_gradients: bool = False  # also reads the folder ``gradients`` beside that of tables, where it is
    others: tuple[str, ...] = ()  # names of further files that it writes
    reads_bases: bool = False  # also reads what was measured of its cells' base models
    reads_truth: bool = False  # also reads the folder ``truth`` beside that of its files

    @property
    def reads(self) -> tuple[str, ...]:
        """Files it reads of each cell; those in :data:`TRAINED_ONLY` exist for trained cells only."""
        return (*ANSWERS, *TRAINING, *((CREDIT,) if self.reads_credit else ()))


@dataclass(frozen=True)
class Figure:
    """A module of ``evals/analysis/figures`` with ``write(cells, published, out)``; it may draw several pictures."""

    module: str
    files: tuple[str, ...]  # names, without suffix, of the pictures it draws, each as .svg and .png
    cells: Cells = "experiment"
    reads: tuple[str, ...] = (*ANSWERS, *TRAINING)  # of each cell; those in TRAINED_ONLY exist for trained cells only
    pages: tuple[str, ...] = ()  # names of pictures that are also written as a web page, .html
    reads_gradients: bool = False  # also reads the folder ``gradients`` beside that of figures
    reads_bases: bool = False  # also reads what was measured of its cells' base models
    reads_truth: bool = False  # also reads the folder ``truth`` beside that of its files
