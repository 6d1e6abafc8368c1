"""Every table that an experiment may ask for. To add one: write its module in this folder and list it here."""

from __future__ import annotations

from evals.analysis.registry import Table

TABLES: dict[str, Table] = {
    "table2": Table(others=("table2_main.tex",)),
    "bases": Table(),
    "table3": Table(),
    "table4": Table(),
    "table5": Table(),
    "sweeps": Table(),
    "controls": Table(),
    "budgets": Table(),
    "audit": Table(),
    "pairs": Table(),
    "tuning": Table(),
    "noise": Table(),
    "credit": Table(cells="all", reads_credit=True),
    "claims": Table(cells="all", reads_credit=True, formats=("md", "csv", "tex", "html", "json"), reads_gradients=True),
    "gradients": Table(cells="none", reads_gradients=True),
    "teachers": Table(reads_bases=True),
    "publishedcheck": Table(),
}
