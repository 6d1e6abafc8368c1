"""The audit: every arm that changes an option, against the default of its method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evals.analysis.pairs import against_defaults
from evals.analysis.tables.pair_table import write_pairs

ABOUT = [
    "Rows name the options changed and their default here. Presets change several; docs/audit.md says which and why.",
]


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``audit`` to the folder ``out``; see :func:`evals.analysis.tables.pair_table.write_pairs`.

    Raises DataError if no arm but defaults was given.
    """
    return write_pairs("audit", against_defaults, ABOUT, cells, published, out)
