"""Budgets: what perfect credit and CEPO gain over GRPO with few rollouts a step and with the paper's many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evals.analysis.pairs import budgets
from evals.analysis.tables.pair_table import write_pairs

ABOUT = ["The oracle knows which tokens decide. At a budget where it does not lead, no method can be seen to lead."]


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``budgets`` to the folder ``out``; see :func:`evals.analysis.tables.pair_table.write_pairs`."""
    return write_pairs("budgets", budgets, ABOUT, cells, published, out)
