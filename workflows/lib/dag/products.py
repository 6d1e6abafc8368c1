"""Tables and figures that an experiment may ask for, as the registries of ``evals/analysis`` list them."""

from __future__ import annotations

from evals.analysis.figures import FIGURES as LISTED
from evals.analysis.tables import TABLES

FIGURES = {name: figure.module for name, figure in LISTED.items()}
OF_ALL_CELLS = tuple(name for name, table in TABLES.items() if table.cells == "all")
OF_CREDIT = tuple(name for name, table in TABLES.items() if table.reads_credit)


def table_names() -> tuple[str, ...]:
    """Tables by name."""
    return tuple(TABLES)
