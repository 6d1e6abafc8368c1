"""The end of ``make cell``: the cell's score and differences, where its files are, and its run in MLflow.

python -m workflows.lib.publish.finished_cell cepo/small/default/s1 results/micro
"""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from contracts.errors import one_line_errors
from evals.analysis.cells import CellFolder
from evals.analysis.rendering.terminal import results_folder
from evals.analysis.runs.cell_result import CellResult, render, result_of
from evals.analysis.runs.opening import opened
from workflows.lib.mlflow_store import store_of
from workflows.lib.publish.known_runs import KnownRuns
from workflows.lib.publish.measures import cell_run


def where(found: CellResult, results: Path, config: str = "") -> list[str]:
    """Paths and next commands."""
    world = f" CONFIG={config}" if config else ""
    other = "" if results.as_posix() == "results/micro" else f" RESULTS={results}"
    store = "" if results.as_posix() == "results/micro" else f" STORE=sqlite:///{results}/mlflow.db"
    seed = found.name.rpartition("/")[2]
    lacking = [one.partner for one in found.differences if not one.found]
    lines = [f"Files    {results}/cells/{found.name}: adapter/, eval/samples.parquet, train.jsonl"]
    lines += [f"Lacking  make cell CELL={partner}/{seed}{world}" for partner in lacking]
    return [
        *lines,
        f"Tables   make pairs{other}: this and every other arm, in {results}/tables/pairs.md",
        f"Next     make ui{store} (run {found.name}); make export CELL={found.name}{world}",
    ]


def keep_tracked(cell: CellFolder, results: Path) -> None:
    """Let the store of ``results`` hold the cell; one that is known to hold it is not opened."""
    store = store_of(results)
    if KnownRuns(store).holds(cell_run(cell, [])):
        return
    from workflows.lib.publish.tracking import track  # imports MLflow, which takes seconds

    track([cell.path], f"cepo-bench {cell.cell.world}", {}, store, results / "mlflow")


def main() -> None:
    """Print and track the cell named first, of the results folder or config named second."""
    name, given = sys.argv[1], Path(sys.argv[2])
    with one_line_errors():
        results, config = results_folder(given)
        with opened(results) as cells:
            found = result_of(name, cells)
        keep_tracked(CellFolder(results / "cells" / name), results)
    console = Console(highlight=False)
    for part in render(found):
        console.print(part)
    for line in where(found, results, config):
        console.print(Text(line), soft_wrap=True)


if __name__ == "__main__":
    main()
