"""Two runs cell by cell: the same bits or not, and the paired difference in accuracy with its interval.

    python -m evals.analysis.runs.run_comparison results/micro results/reference/micro

Another type of CPU rounds differently, so a run on it has other bits. What can be compared then are accuracies.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.errors import DataError, one_line_errors
from evals.analysis.cells import Arm, CellFolder
from evals.analysis.display import listed
from evals.analysis.rendering.cell_words import interval, percent, points
from evals.analysis.runs.opening import cell_name, opened
from evals.statistics.intervals import AVERAGE, Estimate, accuracies, differences

SAME, ANSWERS, QUESTIONS = "same", "other answers", "other questions"
NOTE = (
    "Differences are this run minus the other, in points, paired by question. Their intervals cover the choice of "
    "questions only: another CPU, or another base model, can move a cell by more."
)


@dataclass(frozen=True)
class CellComparison:
    """One cell that both runs have."""

    name: str
    bits: str  # SAME, "from step <n>": the first training step with another number, ANSWERS or QUESTIONS
    ours: Estimate | None  # average accuracy; None if a benchmark is lacking or the questions differ
    theirs: Estimate | None
    difference: Estimate | None
    changed: tuple[str, ...]  # what decides a cell and differs: options, base, data, code, env, engine


@dataclass(frozen=True)
class RunComparison:
    """Two runs, ours and theirs."""

    cells: list[CellComparison]
    only_ours: int
    only_theirs: int
    machines: tuple[str, str]  # that trained the compared cells


def compare_runs(ours: Sequence[Path], theirs: Sequence[Path]) -> RunComparison:
    """Compare the cells that both have, by name; DataError if they share none.

    Bits are the same if every number of every training step (times aside) and every answer is equal.
    """
    here, there = ({cell_name(path): CellFolder(path) for path in cells} for cells in (ours, theirs))
    shared = [name for name in here if name in there]
    if not shared:
        raise DataError("cells", "the two runs have no cell in common", "compare runs of the same methods and scales")
    return RunComparison(
        [compare_cells(name, here[name], there[name]) for name in shared],
        len(here) - len(shared),
        len(there) - len(shared),
        (_machines([here[name] for name in shared]), _machines([there[name] for name in shared])),
    )


def compare_cells(name: str, ours: CellFolder, theirs: CellFolder) -> CellComparison:
    """One cell of two runs."""
    one, other = _alone(ours), _alone(theirs)
    same_questions = one.panels.keys() == other.panels.keys() and all(
        panel.questions == other.panels[key].questions for key, panel in one.panels.items()
    )
    estimates = (None, None, None)
    if same_questions:
        estimates = (
            accuracies(one.panels)[AVERAGE],
            accuracies(other.panels)[AVERAGE],
            differences(one.panels, other.panels)[AVERAGE],
        )
    return CellComparison(name, _bits(ours, theirs, same_questions), *estimates, _changed(ours, theirs))


def _alone(folder: CellFolder) -> Arm:
    cell = folder.cell
    return Arm(cell.scale, cell.method, cell.variant, (folder,))


def _bits(ours: CellFolder, theirs: CellFolder, same_questions: bool) -> str:
    if ours.run is not None and theirs.run is not None:
        steps = [[step.model_dump(exclude={"seconds"}) for step in folder.steps] for folder in (ours, theirs)]
        differing = (mine["step"] for mine, other in zip(*steps, strict=False) if mine != other)
        if (first := next(differing, None)) is not None or len(steps[0]) != len(steps[1]):
            return f"from step {first or min(map(len, steps)) + 1}"
    if not same_questions:
        return QUESTIONS
    same = all(table.equals(theirs.samples[name]) for name, table in ours.samples.items())
    return SAME if same else ANSWERS


def _changed(ours: CellFolder, theirs: CellFolder) -> tuple[str, ...]:
    mine, other = ours.cell, theirs.cell
    digests = sorted(mine.digests.keys() | other.digests.keys())
    options = ["options"] if mine.options != other.options else []
    return (*options, *(name for name in digests if mine.digests.get(name) != other.digests.get(name)))


def _machines(folders: Sequence[CellFolder]) -> str:
    found = sorted({folder.run.machine for folder in folders if folder.run is not None})
    return listed(found) if found else "not recorded (no trained cell)"


def render(found: RunComparison) -> list[Text | Table]:
    """What a terminal shows: machines, a line for each cell, counts."""
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    grid.add_column("cell", overflow="fold")
    for name in ("this run", "other", "difference"):
        grid.add_column(name, justify="right", no_wrap=True)
    grid.add_column("bits", no_wrap=True)
    for cell in found.cells:
        numbers = [percent(one.value) if one else "" for one in (cell.ours, cell.theirs)]
        change = Text("0.0") if cell.bits == SAME else _difference(cell.difference)
        grid.add_row(cell.name, *numbers, change, _shown_bits(cell.bits))
    this, other = found.machines
    return [Text(f"This run: {this}"), Text(f"Other:    {other}"), Text(), grid, Text(), *map(Text, _counts(found))]


def _difference(found: Estimate | None) -> Text:
    if found is None:
        return Text("")
    style = "" if not found.excludes_zero else "green" if found.value > 0 else "red"
    mark = "*" if found.excludes_zero else " "
    return Text(f"{points(found.value)}{mark} {interval(found, signed=True)}", style)


def _shown_bits(bits: str) -> Text:
    return Text("same", "green") if bits == SAME else Text(bits if bits == QUESTIONS else f"differ {bits}", "yellow")


def _counts(found: RunComparison) -> list[str]:
    compared = [cell.difference for cell in found.cells if cell.difference is not None]
    beyond = sum(one.excludes_zero for one in compared)
    same = sum(cell.bits == SAME for cell in found.cells)
    lines = [f"{len(found.cells)} cells are in both runs, {same} with the same bits."]
    if compared:
        largest = max(abs(one.value) for one in compared)
        lines.append(
            f"*: the interval excludes 0 ({beyond} of {len(compared)}); largest difference {100 * largest:.1f} points."
        )
    if changed := sorted({name for cell in found.cells for name in cell.changed}):
        lines.append(f"Cells differ in what decides them: {listed(changed)}. See cell.json.")
    if found.only_ours or found.only_theirs:
        lines.append(f"Not compared: {found.only_ours} cells of this run only, {found.only_theirs} of the other only.")
    return [*lines, NOTE]


def main() -> None:
    """Compare the run named first with the one named second, on the terminal."""
    if len(sys.argv) != 3:
        sys.exit("usage: python -m evals.analysis.runs.run_comparison <results/world> <results/world or archive>")
    with one_line_errors(), opened(Path(sys.argv[1])) as ours, opened(Path(sys.argv[2])) as theirs:
        found = compare_runs(ours, theirs)
    console = Console(highlight=False)
    for part in render(found):
        console.print(part)


if __name__ == "__main__":
    main()
