"""Digests of what decides an outcome: code without comments and docstrings, settings, the lock of the environment.

Code is followed through the imports of ``methods`` and ``evals``. ``workflows`` is left out: it moves files and checks
them, it never makes a number.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from contracts.paths import ROOT

FOLLOWED = ("contracts", "methods", "evals")
PIN = re.compile(r"^([\w.-]+)==([^\s;\\]+)", re.MULTILINE)


@cache
def code_digest(*modules: str, root: Path = ROOT) -> str:
    """sha256 hex of these modules (dotted names) and of everything they import from the project, transitively."""
    seen: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen[module], imports = _read(module, root)
            waiting += imports
    return value_digest(seen)


def value_digest(value: object) -> str:
    """sha256 hex of a JSON value, or of a pydantic model, whatever the order of its keys."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def canonical(value: object) -> str:
    """``value`` as JSON with sorted keys: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_dump)


@cache
def lock_digest(path: Path) -> str:
    """sha256 hex of the packages of a lock file, ``name==version`` each; hashes, comments and order do not count."""
    return value_digest(sorted(f"{name}=={version}" for name, version in pins(path).items()))


def pins(path: Path) -> dict[str, str]:
    """Packages of a lock file and their versions."""
    return dict(PIN.findall(path.read_text(encoding="utf-8")))


def _dump(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"no digest of a {type(value).__name__}")


@cache
def _read(module: str, root: Path) -> tuple[str, tuple[str, ...]]:
    """Digest of one module's code, and the project modules it imports."""
    path = _path(module, root)
    tree = ast.parse(path.read_bytes())
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    imports = {found for name in _imports(tree, package) for found in _project_modules(name, root)}
    for node in ast.walk(tree):
        _drop_docstring(node)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(sorted(imports))


def _path(module: str, root: Path) -> Path:
    folder = root / Path(*module.split("."))
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Dotted names that may be modules: ``from a import b`` and ``import a.b`` give a.b, "b.py" the script beside."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            source = ".".join(part for part in (above, node.module) if part)
            yield from (f"{source}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".py"):
            yield f"{package}.{node.value.removesuffix('.py')}"


def _project_modules(name: str, root: Path) -> Iterator[str]:
    """The module ``name`` points into, and the packages around it, whose ``__init__`` runs too."""
    parts = name.split(".")
    if parts[0] not in FOLLOWED:
        return
    for length in range(1, len(parts) + 1):
        prefix = ".".join(parts[:length])
        if _path(prefix, root).is_file():
            yield prefix


def _drop_docstring(node: ast.AST) -> None:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
        node, clean=False
    ):
        node.body = node.body[1:]
