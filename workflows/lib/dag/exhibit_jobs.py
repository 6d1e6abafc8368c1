"""Inputs and outputs of the rules of tables and figures: their cells, the files they read and the files they write.

evals/analysis/tables/__init__.py and evals/analysis/figures/__init__.py list them. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

from contracts.paths import ROOT
from evals.analysis.figures import FIGURES
from evals.analysis.registry import TRAINED_ONLY, Cells
from evals.analysis.tables import TABLES
from workflows.lib.config.schema import Experiment
from workflows.lib.dag.gradient_jobs import GradientJobs
from workflows.lib.dag.names import Key, known
from workflows.lib.dag.result_files import ResultFiles, Wildcards, trained
from workflows.lib.dag.truth_jobs import TruthJobs

CAPTIONS = ROOT / "workflows" / "report"
SHOWN = ("html", "svg")  # formats that `snakemake --report` shows


class TableWildcards(Protocol):
    """What names a file of a table."""

    table: str


@dataclass(frozen=True)
class ExhibitJob:
    """One table, or one module of figures."""

    files: ResultFiles
    kind: Literal["table", "figure"]
    name: str  # in an experiment
    module: str  # that makes it
    of: Cells  # which cells are shown
    reads: tuple[str, ...]  # files of each cell
    made: tuple[str, ...]  # names of the files it becomes
    reads_gradients: bool = False  # also the numbers of measured gradients
    reads_bases: bool = False  # also what was measured of the cells' base models
    reads_truth: bool = False  # also the numbers of measured advantages of tokens

    @property
    def rule(self) -> str:
        """Name of its rule."""
        return f"{self.kind}_{self.name}"

    @property
    def title(self) -> str:
        """Its name in its log and in errors."""
        return f"{self.kind} {self.name}"

    @property
    def category(self) -> str:
        """Its heading in a report."""
        return f"{self.kind.capitalize()}s"

    @property
    def shown(self) -> list[str]:
        """Its files that a report shows."""
        return [path for path in self._made if path.endswith(SHOWN)]

    def labels(self, path: str) -> dict[str, str]:
        """Columns of the list in a report: what a file shows, and as what."""
        name, _, suffix = path.rpartition("/")[2].partition(".")
        return {self.kind: name, "format": suffix}

    @property
    def others(self) -> list[str]:
        """Its other files."""
        return [path for path in self._made if not path.endswith(SHOWN)]

    @property
    def caption(self) -> str:
        """Its caption in a report, as the rules name it: a file of its own name, or that of its kind."""
        own = (CAPTIONS / f"{self.name}.rst").is_file()
        return f"../report/{self.name if own else self.kind}.rst"

    def cells(self, wildcards: Wildcards) -> list[str]:
        """Input: the records of its cells."""
        return self.files.of_cells(self._keys, "cell.json")

    def results(self, wildcards: Wildcards) -> list[str]:
        """Input: the files of its cells with answers, scores and training."""
        keys = self._keys
        of_all = self.files.of_cells(keys, *(name for name in self.reads if name not in TRAINED_ONLY))
        of_trained = self.files.of_cells(trained(keys), *(name for name in self.reads if name in TRAINED_ONLY))
        measured = GradientJobs(self.files).products if self.reads_gradients else []
        measured = measured + (TruthJobs(self.files).products if self.reads_truth else [])
        bases = dict.fromkeys((key.scale, key.seed) for key in keys) if self.reads_bases else ()
        checks = [f"{self.files.base(*base)}/check.json" for base in bases]
        return of_all + of_trained + self._repeats() + measured + checks

    def recipe(self, wildcards: Wildcards) -> str:
        """``params``: the code that makes it, how its cells were evaluated and its gradients were measured."""
        grid = self.files.grid
        made = grid.recipes.analysis(self.module, [grid.cell(key) for key in self._keys])
        made += GradientJobs(self.files).shown() if self.reads_gradients else ""
        return made + (TruthJobs(self.files).shown() if self.reads_truth else "")

    @property
    def _made(self) -> list[str]:
        return [f"{self.files.root}/{self.kind}s/{name}" for name in self.made]

    @property
    def _experiments(self) -> list[str]:
        """The chosen experiments that ask for it."""
        grid = self.files.grid
        return [name for name in grid.config.experiments if self.name in _asked(grid.experiments[name], self.kind)]

    @cached_property
    def _keys(self) -> Sequence[Key]:
        grid = self.files.grid
        if self.of == "none":
            return []
        if self.of == "all":  # a scale for some experiments only has a question of its own
            return [key for key in grid.wanted if key.scale in grid.config.usual_scales]
        keys = list(dict.fromkeys(key for name in self._experiments for key in grid.of_experiment(name)))
        return trained(keys) if self.of == "trained" else keys

    def _repeats(self) -> list[str]:
        """Answers of further evaluations of its cells, where its experiments ask for some."""
        grid = self.files.grid
        repeats = {name: range(1, grid.experiments[name].repeats) for name in self._experiments}
        return [
            f"{self.files.folder(key)}/repeats/{repeat}/samples.parquet"
            for name, numbers in repeats.items()
            for key in grid.of_experiment(name)
            for repeat in numbers
        ]


def tables(files: ResultFiles) -> list[ExhibitJob]:
    """Every table that is listed."""
    return [
        ExhibitJob(
            files,
            kind="table",
            name=name,
            module=f"evals.analysis.tables.{name}",
            of=table.cells,
            reads=table.reads,
            made=(*(f"{name}.{suffix}" for suffix in table.formats), *table.others),
            reads_gradients=table.reads_gradients,
            reads_bases=table.reads_bases,
            reads_truth=table.reads_truth,
        )
        for name, table in TABLES.items()
    ]


def figures(files: ResultFiles) -> list[ExhibitJob]:
    """Every figure that is listed."""
    return [
        ExhibitJob(
            files,
            kind="figure",
            name=name,
            module=f"evals.analysis.figures.{figure.module}",
            of=figure.cells,
            reads=figure.reads,
            made=(
                *(f"{file}.{suffix}" for suffix in ("svg", "png") for file in figure.files),
                *(f"{page}.html" for page in figure.pages),
            ),
            reads_gradients=figure.reads_gradients,
            reads_bases=figure.reads_bases,
            reads_truth=figure.reads_truth,
        )
        for name, figure in FIGURES.items()
    ]


def wanted(files: ResultFiles) -> list[str]:
    """The first file of each table and figure that the chosen experiments ask for."""
    grid = files.grid
    chosen = [grid.experiments[name] for name in grid.config.experiments]
    names = dict.fromkeys(name for experiment in chosen for name in experiment.tables)
    drawn = dict.fromkeys(name for experiment in chosen for name in experiment.figures)
    made = [f"{files.root}/tables/{name}.md" for name in names]
    return made + [f"{files.root}/figures/{FIGURES[name].files[0]}.svg" for name in drawn]


def unknown_table(wildcards: TableWildcards) -> str:
    """Raise ConfigError, which names all tables: input of the rule for files of a table that does not exist."""
    return known(wildcards.table, TABLES, "table", "tables")


def _asked(experiment: Experiment, kind: str) -> list[str]:
    return experiment.tables if kind == "table" else experiment.figures
