"""The registries of tables and figures: whatever can be drawn is listed, and listing imports no library."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest

from contracts.paths import ROOT
from evals.analysis.figures import FIGURES
from evals.analysis.tables import TABLES

ARGUMENTS = ["cells", "published", "out"]
LISTED = [("tables", name) for name in TABLES] + [("figures", figure.module) for figure in FIGURES.values()]


@pytest.mark.parametrize(("folder", "module"), LISTED)
def test_every_listed_module_writes_from_cells_and_published_numbers(folder: str, module: str):
    write = import_module(f"evals.analysis.{folder}.{module}").write
    assert list(signature(write).parameters) == ARGUMENTS


@pytest.mark.parametrize("folder", ["tables", "figures"])
def test_no_module_that_writes_is_forgotten(folder: str):
    writing = {path.stem for path in (ROOT / "evals/analysis" / folder).glob("*.py") if _writes(path)}
    assert writing == {module for kind, module in LISTED if kind == folder}


def test_planning_imports_no_library_with_the_registries():
    code = "import sys, evals.analysis.tables, evals.analysis.figures; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {"torch", "numpy", "pandas", "matplotlib", "pydantic"} & set(loaded.split())


def _writes(path: Path) -> bool:
    functions = [node for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.FunctionDef)]
    return any(one.name == "write" and [arg.arg for arg in one.args.args] == ARGUMENTS for one in functions)
