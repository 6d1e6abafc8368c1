"""Table 2: every method on five benchmarks, with intervals, beside the paper's numbers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from evals.analysis.cells import benchmarks_of, panel, read_arms
from evals.analysis.statistics import accuracies


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``table2.md`` to ``out`` from finished cell folders of one world and the published numbers in ``published``."""
    arms = read_arms(cells)
    names = benchmarks_of(arms)
    lines = ["| scale | method | " + " | ".join([*names, "average"]) + " |", "|---" * (len(names) + 3) + "|"]
    for arm in arms:
        panels = {name: found for name in names if (found := panel(arm, name))}
        shown = [f"{100 * e.value:.1f} [{100 * e.low:.1f}, {100 * e.high:.1f}]" for e in accuracies(panels).values()]
        lines.append(f"| {arm.scale} | {arm.name} | " + " | ".join(shown) + " |")
    out.mkdir(parents=True, exist_ok=True)
    temporary = out / ".table2.md"
    temporary.write_text("\n".join(lines) + "\n")
    os.replace(temporary, out / "table2.md")
    return [out / "table2.md"]
