"""What the code of one module says: a digest of it without comments and docstrings, and the modules that it names.

Parsing all modules of the project takes longer than the rest of a plan. So what a module says is kept on disk, in a
file for each module, under a digest of the text that was parsed: a text that was edited is parsed again.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

FOLLOWED = ("contracts", "methods", "evals")  # packages whose code can decide a number
KEPT = Path(".snakemake", "module_code")  # below the project; nothing is kept where Snakemake has no folder
MODULE = re.compile(rf"({'|'.join(FOLLOWED)})(\.\w+)+")  # a string that is the name of a module, as after python -m


class ModuleCode(NamedTuple):
    """What one module says."""

    digest: str  # sha256 hex
    names: tuple[str, ...]  # dotted names that may be modules of the project


class Kept(BaseModel):
    """What is kept of one module."""

    key: str  # digest of the text that was parsed, and of what parsed it
    code: ModuleCode


def read_code(source: bytes, module: str, is_package: bool, root: Path) -> ModuleCode:
    """What ``source`` says, the text of ``module`` (a dotted name) in the project at ``root``."""
    package = module if is_package else module.rpartition(".")[0]
    key = hashlib.sha256(b"\0".join((_parser(), package.encode(), source))).hexdigest()
    kept = root / KEPT / f"{module}.json"
    return _known(kept, key) or _keep(kept, Kept(key=key, code=parse(source, package)))


def parse(source: bytes, package: str) -> ModuleCode:
    """What the text of a module says; ``package``: the one that relative imports start from."""
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    names = {name for name in _names(nodes, package) if name.partition(".")[0] in FOLLOWED}
    for node in nodes:
        _drop_docstring(node)
    return ModuleCode(hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(sorted(names)))


@cache
def _parser() -> bytes:
    """What decides how a text is parsed: this file and Python."""
    return sys.version.encode() + Path(__file__).read_bytes()


def _known(kept: Path, key: str) -> ModuleCode | None:
    """What is kept under ``key``; None if that is nothing, or a file that holds anything else."""
    try:
        entry = Kept.model_validate_json(kept.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    return entry.code if entry.key == key else None


def _keep(kept: Path, entry: Kept) -> ModuleCode:
    """Write the file whole, though other processes may write it at the same time; returns the code."""
    if os.access(kept.parent.parent, os.W_OK):
        kept.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=kept.parent, delete=False, encoding="utf-8") as file:
            file.write(entry.model_dump_json())
        Path(file.name).replace(kept)
    return entry.code


def _names(nodes: list[ast.AST], package: str) -> Iterator[str]:
    """Yield dotted names that may be modules.

    ``import a.b`` and ``from a import b`` give a.b; the string "a.b" too, as in ``python -m a.b``; the string "b.py"
    gives the script b beside this module.
    """
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            source = ".".join(part for part in (above, node.module) if part)
            yield from (f"{source}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value.endswith(".py"):
                yield f"{package}.{node.value.removesuffix('.py')}"
            elif MODULE.fullmatch(node.value):
                yield node.value


def _drop_docstring(node: ast.AST) -> None:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
        node, clean=False
    ):
        node.body = node.body[1:]
