"""Controls: what remains of CEPO's lead once one thing at a time is taken away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evals.analysis.pairs import controls
from evals.analysis.tables.pair_table import write_pairs

ABOUT = [
    "Rates are peak learning rates.",
    "Blind teachers are shown the problem's text and the reference without the image. Shuffled evidence keeps a "
    "response's weights and moves them to other tokens of it. A blank is the lone space that the released code shows.",
]


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``controls`` to the folder ``out``; see :func:`evals.analysis.tables.pair_table.write_pairs`."""
    return write_pairs("controls", controls, ABOUT, cells, published, out)
