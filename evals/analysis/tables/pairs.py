"""Pairs of any arms: each against its method's default and against GRPO, or each against an arm that is named.

    python -m evals.analysis.tables.pairs results/micro
    python -m evals.analysis.tables.pairs results/micro grpo/small/default cepo/small/mine

The first takes every arm that was evaluated, the second those named: each after the first, minus the first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from contracts.errors import DataError, nearest, one_line_errors
from contracts.paths import ROOT
from evals.analysis.cells import Arm
from evals.analysis.display import method_name
from evals.analysis.pairs import Pair, Topic, against_defaults
from evals.analysis.runs.opening import cell_name, opened
from evals.analysis.tables.pair_table import write_pairs

BASELINE = "grpo"
ABOUT = ["A row names the options changed and, in brackets, their default."]


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``pairs`` to the folder ``out``; see :func:`evals.analysis.tables.pair_table.write_pairs`.

    DataError if there is nothing to compare.
    """
    return write_pairs("pairs", of_every_arm, ABOUT, cells, published, out)


def of_every_arm(arms: Sequence[Arm]) -> list[Topic]:
    """Each arm of one scale against its method's default; then each but GRPO's default against that."""
    found = against_defaults(arms) if any(arm.variant != "default" for arm in arms) else []
    baseline = next((arm for arm in arms if (arm.method, arm.variant) == (BASELINE, "default")), None)
    others = [arm for arm in arms if arm is not baseline and arm.method != "base"]
    if baseline is not None and others:
        name = method_name(BASELINE)
        found.append(Topic(f"Arms minus {name}", [Pair(f"{arm.name} \u2212 {name}", arm, baseline) for arm in others]))
    if not found:
        raise DataError("cells", "hold no two arms to compare at one scale", "add a cell of another method or variant")
    return found


def minus_the_first(chosen: Sequence[str]) -> Callable[[Sequence[Arm]], list[Topic]]:
    """The pairs of arms named ``method/scale/variant``, all of one scale: each minus the first."""

    def topics(arms: Sequence[Arm]) -> list[Topic]:
        known = {arm_name(arm): arm for arm in arms}
        first, *others = [known[name] for name in chosen]
        return [
            Topic(f"Arms minus {first.name}", [Pair(f"{one.name} \u2212 {first.name}", one, first) for one in others])
        ]

    return topics


def arm_name(arm: Arm) -> str:
    """``method/scale/variant``."""
    return f"{arm.method}/{arm.scale}/{arm.variant}"


def write_chosen(cells: Sequence[Path], chosen: Sequence[str], published: Path, out: Path) -> list[Path]:
    """``pairs`` of the arms in ``chosen``, each minus the first; DataError if one is unknown or of another scale."""
    there = {cell_name(cell).rpartition("/")[0] for cell in cells}
    for name in chosen:
        if name not in there:
            raise DataError(name, "no evaluated cell of this arm", nearest(name, sorted(there)) or "train it first")
    if len(chosen) < 2 or len({name.split("/")[1] for name in chosen}) > 1:
        raise DataError("ARMS", "give two arms or more of one scale", 'ARMS="grpo/small/default cepo/small/default"')
    used = [cell for cell in cells if cell_name(cell).rpartition("/")[0] in chosen]
    return write_pairs("pairs", minus_the_first(chosen), ABOUT, used, published, out)


def main() -> None:
    """Write the table of the run named first, of the arms named after it if any; print where it is."""
    if len(sys.argv) < 2:
        sys.exit("usage: python -m evals.analysis.tables.pairs <results/world> [method/scale/variant ...]")
    folder, chosen, published = Path(sys.argv[1]), sys.argv[2:], ROOT / "results" / "published"
    with one_line_errors(), opened(folder) as cells:
        out = folder / "tables"
        made = write_chosen(cells, chosen, published, out) if chosen else write(cells, published, out)
    print(*made, sep="\n")


if __name__ == "__main__":
    main()
