"""Make every table, figure and verdict again from finished cells: no training, no torch, no lmms-eval, no Snakemake.

    python -m workflows.lib.publish.rebuild results/reference/micro results/rebuilt

The first folder is an archive (:mod:`evals.analysis.archive`) or a results folder with ``cells``; the second becomes a
results folder with ``cells``, ``tables`` and ``figures``. It makes the tables and figures of every experiment whose
cells are there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from contracts.errors import DataError, UserError, one_line_errors
from contracts.gradients import ESTIMATES
from contracts.paths import ROOT
from contracts.truth import FOLDER as TRUTH
from evals.analysis.archive import carry_measured, unpack
from evals.analysis.cell_texts import RECORDS
from evals.analysis.figures import FIGURES
from evals.analysis.gradient_results import FOLDER
from evals.analysis.published.numbers import load
from evals.analysis.tables import TABLES
from workflows.lib.config.loading import read_experiments
from workflows.lib.config.schema import Experiment

PUBLISHED = ROOT / "results" / "published"
BASE = "base"


def rebuild(folder: Path, out: Path, published: Path = PUBLISHED) -> Iterator[tuple[str, UserError | None]]:
    """Make every product below ``out``; yields the name of each, and why it could not be made.

    A scale that the paper has not and that an experiment names, such as a base without hints, is shown there only.
    Raises DataError if ``folder`` holds neither cells nor measured gradients.
    """
    scales = list(load(published).table2.scales)
    cells = _ordered(_cells(folder, out), scales)
    measured = {name for name in (FOLDER, TRUTH) if (out / name / ESTIMATES).exists()}
    special = {scale for one in read_experiments().values() for scale in one.scales or ()} - set(scales)
    usual = [cell for cell in cells if _key(cell)[1] not in special]
    offered = [(one, cells if one.scales else usual) for one in read_experiments().values()]
    experiments = [(one, given) for one, given in offered if _was_run(one, given, measured)]
    for kind, product in dict.fromkeys(name for one, _ in experiments for name in _products(one)):
        asked = [_cells_of(one, given) for one, given in experiments if (kind, product) in _products(one)]
        module, shown = _listed(kind, product)
        used = usual if shown == "all" else [cell for cell in cells if any(cell in some for some in asked)]
        if shown == "trained":
            used = [cell for cell in used if _key(cell)[0] != BASE]
        try:
            import_module(f"evals.analysis.{kind}.{module}").write(used, published, out / kind)
        except UserError as error:
            yield product, error
        else:
            yield product, None


def _products(experiment: Experiment) -> list[tuple[str, str]]:
    """Kind and name of all that an experiment makes; a table and a figure may have the same name."""
    return [*(("tables", name) for name in experiment.tables), *(("figures", name) for name in experiment.figures)]


def _listed(kind: str, product: str) -> tuple[str, str]:
    """Module of a table or figure, and which cells it shows, as the registries say."""
    if kind == "figures":
        return FIGURES[product].module, FIGURES[product].cells
    return product, TABLES[product].cells


def _cells(folder: Path, out: Path) -> list[Path]:
    """The cells of an archive or a results folder; its measured gradients are put below ``out``."""
    if (folder / RECORDS).exists():
        return unpack(folder, out)
    cells = sorted(path.parent for path in (folder / "cells").glob("*/*/*/*/cell.json"))
    if not carry_measured(folder, out) and not cells:
        raise DataError(str(folder), f"has neither {RECORDS} nor cells", "name an archive or a results folder")
    return cells


def _key(cell: Path) -> tuple[str, str, str]:
    """Method, scale and variant."""
    return cell.parts[-4], cell.parts[-3], cell.parts[-2]


def _ordered(cells: Sequence[Path], scales: list[str]) -> list[Path]:
    """The paper's scales first, in its order; within a scale as given."""
    return sorted(cells, key=lambda cell: scales.index(_key(cell)[1]) if _key(cell)[1] in scales else len(scales))


def _cells_of(experiment: Experiment, cells: Sequence[Path]) -> set[Path]:
    """What an experiment shows: all that it asks for, or where it names seeds of its own, those that all its arms have.

    An arm that others share may have been trained with more.
    """
    asked = [cell for cell in _repeated(experiment, cells) if _belongs(cell, experiment)]
    if experiment.seeds is None:
        return set(asked)
    seeds: dict[tuple[str, str, str], set[str]] = {}
    for cell in asked:
        seeds.setdefault(_key(cell), set()).add(cell.name)
    shared = set.intersection(*seeds.values()) if seeds else set()
    return {cell for cell in asked if cell.name in shared}


def _repeated(experiment: Experiment, cells: Sequence[Path]) -> Sequence[Path]:
    """Cells that were evaluated as often as an experiment asks."""
    if experiment.repeats == 1:
        return cells
    return [cell for cell in cells if (cell / "repeats" / str(experiment.repeats - 1)).is_dir()]


def _belongs(cell: Path, experiment: Experiment) -> bool:
    """Whether an experiment asks for this cell; an arm that names no methods asks for all trained ones."""
    method, scale, variant = _key(cell)
    return scale in (experiment.scales or [scale]) and any(
        variant in arm.variants and (method in arm.methods if arm.methods else method != BASE)
        for arm in [*experiment.arms, *experiment.controls]
    )


def _was_run(experiment: Experiment, cells: Sequence[Path], measured: set[str]) -> bool:
    """Whether all its arms are there, evaluated as often as it asks; or what it measures is.

    At every scale that it names; if it names none, at one at least.
    """
    needed = {name for name, arms in ((FOLDER, experiment.gradients), (TRUTH, experiment.truth)) if arms}
    if not experiment.arms or not needed <= measured:
        return needed <= measured
    there = {_key(cell) for cell in _repeated(experiment, cells)}
    wanted = {(method, variant) for arm in experiment.arms for method in arm.methods or () for variant in arm.variants}
    scales = {scale for _, scale, _ in there if scale in (experiment.scales or [scale])}
    complete = {scale for scale in scales if all((method, scale, variant) in there for method, variant in wanted)}
    return complete >= set(experiment.scales or ()) and bool(complete)


def main() -> None:
    """Rebuild from the folder named first into the one named second; exits with 1 if a product could not be made."""
    if len(sys.argv) != 3:
        sys.exit("usage: python -m workflows.lib.publish.rebuild <archive or results folder> <folder>")
    with one_line_errors():
        made = list(rebuild(Path(sys.argv[1]), Path(sys.argv[2])))
    for product, error in made:
        print(f"{product}: {'made' if error is None else error}")
    if any(error for _, error in made):
        sys.exit(1)


if __name__ == "__main__":
    main()
