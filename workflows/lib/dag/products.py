"""Tables and figures that an experiment may ask for: modules of ``evals/analysis``, found without importing them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from contracts.paths import ROOT

ANALYSIS = ROOT / "evals" / "analysis" / "tables"
# Name in an experiment -> module that draws it; figure4 comes with Figure 5.
FIGURES = {"figure1": "training", "figure3": "figure3", "figure4": "credit"}
OF_ALL_CELLS = ("claims", "credit")  # tables made from every cell of a run, whichever experiments name them
OF_CREDIT = ("claims", "credit")  # tables that read credit.jsonl
ARGUMENTS = ["cells", "published", "out"]  # of the function ``write`` of a table's or figure's module


@cache
def table_names() -> tuple[str, ...]:
    """Modules that write a table: those with ``write(cells, published, out)`` that draw no figure."""
    found = sorted(ANALYSIS.glob("[a-z]*.py"))
    return tuple(path.stem for path in found if _writes(path))


def _writes(path: Path) -> bool:
    body = ast.parse(path.read_bytes()).body
    functions = {node.name: node.args for node in body if isinstance(node, ast.FunctionDef)}
    return "write" in functions and [argument.arg for argument in functions["write"].args] == ARGUMENTS
