"""What one evaluated cell came to: its score, and its paired differences to the arms it is usually compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from contracts.errors import DataError
from evals.analysis.cells import Arm, read_arms, with_seeds
from evals.analysis.rendering.cell_words import interval, percent, points
from evals.statistics.intervals import AVERAGE, Estimate, accuracies, differences

BASELINES = (("grpo", "default"), ("base", "default"))  # besides the method's own default


@dataclass(frozen=True)
class CellDifference:
    """The cell, or its arm over the seeds that both have, minus another arm."""

    partner: str  # method/scale/variant
    seeds: tuple[int, ...]  # none: the partner was not run with this seed
    found: dict[str, Estimate]  # by benchmark, and the average


@dataclass(frozen=True)
class CellResult:
    """One cell's accuracies and differences."""

    name: str
    accuracy: dict[str, Estimate]
    differences: list[CellDifference]


def result_of(name: str, cells: Sequence[Path]) -> CellResult:
    """The result of the cell ``name`` among the evaluated ``cells`` of its run; DataError if it is not one of them."""
    arms = {(arm.method, arm.scale, arm.variant): arm for arm in read_arms(cells)}
    method, scale, variant, seed = name.split("/")
    arm = arms.get((method, scale, variant))
    number = int(seed.removeprefix("s"))
    if arm is None or number not in arm.seeds:
        raise DataError(name, "is not evaluated", f"run: make cell CELL={name}")
    partners = [(method, "default"), *BASELINES]
    chosen = [pair for pair in dict.fromkeys(partners) if pair != (method, variant)]
    found = [
        difference
        for partner, of in chosen
        for difference in _differences(arm, arms.get((partner, scale, of)), f"{partner}/{scale}/{of}", number)
    ]
    return CellResult(name, accuracies(with_seeds(arm, (number,)).panels), found)


def _differences(arm: Arm, partner: Arm | None, name: str, seed: int) -> list[CellDifference]:
    """With this seed, and over all seeds that both have if these are more."""
    shared = tuple(one for one in arm.seeds if partner is not None and one in partner.seeds)
    if partner is None or seed not in shared:
        return [CellDifference(name, (), {})]
    sets = [(seed,), *([shared] if len(shared) > 1 else [])]
    return [
        CellDifference(name, seeds, differences(with_seeds(arm, seeds).panels, with_seeds(partner, seeds).panels))
        for seeds in sets
    ]


def render(found: CellResult) -> list[Text | Table]:
    """The score and a table of differences for a terminal."""
    average = found.accuracy[AVERAGE]
    benches = ", ".join(f"{name} {percent(one.value)}" for name, one in found.accuracy.items() if name != AVERAGE)
    grid = Table(box=None, padding=(0, 2, 0, 2), pad_edge=False, header_style="bold")
    for heading in ("minus", "seeds"):
        grid.add_column(heading, overflow="fold")
    grid.add_column("average, points", justify="right", no_wrap=True)
    for one in found.differences:
        seeds = ", ".join(map(str, one.seeds))
        grid.add_row(one.partner, seeds, _shown(one.found[AVERAGE]) if one.found else Text("not run", "dim"))
    title = Text(found.name, "bold").append(f": average accuracy {percent(average.value)} {interval(average)} percent")
    note = "Paired by question, 95 %; with one seed, questions only: another training run may differ by more."
    return [title, Text(benches), *([grid, Text(note, "dim")] if found.differences else [])]


def _shown(found: Estimate) -> Text:
    style = "" if not found.excludes_zero else "green" if found.value > 0 else "red"
    return Text(f"{points(found.value)}{'*' if style else ' '} {interval(found, signed=True)}", style)
