"""Digests of all that decides an outcome: code without comments and docstrings, settings, pinned packages.

Code is followed from a module to all that it imports from ``contracts``, ``methods`` and ``evals``, and to the modules
that it names in a string to start them as a process. ``workflows`` is not followed, because it only moves and checks
files. Code that decides a number must therefore lie in one of the other three packages.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from contracts.paths import ROOT
from workflows.lib.cache.module_code import FOLLOWED, read_code

# Modules that cannot decide a number, and why not. A change in one of them runs nothing again. Imports are not followed
# through them.
NOT_DECIDING = {
    "contracts.errors": "kinds and texts of errors: a job that raises one leaves no result",
    "contracts.files": "writes a file completely or not at all; what is written comes from the caller",
    "contracts.paths": "where this checkout lies on the disk",
    "contracts.prepared": "the plan and the record of a prepared model: names and types; the plan is a part of digests",
    "contracts.progress": "how far a running job is, for the status lines",
    "contracts.reading": "reads a record back as it was written, or raises an error",
    "contracts.records": "names, types and descriptions of fields of result files; values come from the caller",
    "contracts.versions": "which packages are installed; the lock of the environment is a part of every digest",
    "evals.analysis.tables": "the list of tables; which cells each of them shows is a part of its recipe",
    "evals.analysis.figures": "the list of figures; which cells each of them shows is a part of its recipe",
}
PIN = re.compile(r"^([\w.-]+)==([^\s;\\]+)", re.MULTILINE)


@cache
def code_digest(*modules: str, root: Path = ROOT) -> str:
    """sha256 hex of these modules (dotted names) and of all code of the project that they can run."""
    return value_digest(followed(*modules, root=root))


def followed(*modules: str, root: Path = ROOT) -> dict[str, str]:
    """Digest of the code of each module, by name: ``modules``, and all modules that they import or start."""
    seen: dict[str, str] = {}
    waiting = [*modules, *(package for module in modules for package in _project_modules(module, root))]
    while waiting:
        module = waiting.pop()
        if module not in seen and module not in NOT_DECIDING:
            path = _modules(root)[module]
            seen[module], imports = _read(path.read_bytes(), module, path.name == "__init__.py", root)
            waiting += imports
    return seen


def value_digest(value: object) -> str:
    """sha256 hex of a JSON value, or of a pydantic model, whatever the order of its keys."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def canonical(value: object) -> str:
    """``value`` as JSON with sorted keys: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_dump)


@cache
def lock_digest(path: Path, only: tuple[str, ...] = ()) -> str:
    """sha256 hex of the packages of a lock file, ``name==version`` each; hashes, comments and order do not count.

    ``only``: those that count, in lower case; all of them if none is named.
    """
    named = {name: version for name, version in pins(path).items() if not only or name.lower() in only}
    return value_digest(sorted(f"{name}=={version}" for name, version in named.items()))


def pins(path: Path) -> dict[str, str]:
    """Packages of a lock file and their versions."""
    return dict(PIN.findall(path.read_text(encoding="utf-8")))


def _dump(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"no digest of a {type(value).__name__}")


@cache
def _read(source: bytes, module: str, is_package: bool, root: Path) -> tuple[str, tuple[str, ...]]:
    """Digest of one module's code, and the project modules that it imports or starts."""
    code = read_code(source, module, is_package, root)
    return code.digest, tuple(sorted({target for name in code.names for target in _project_modules(name, root)}))


@cache
def _modules(root: Path) -> dict[str, Path]:
    """The file of every module that digests can follow, by dotted name; a package is its ``__init__.py``.

    The folders are listed once for each process: to ask the disk for each name that the code contains took a quarter of
    a second, at the start of every plan.
    """
    files = [path for top in FOLLOWED for path in (root / top).rglob("*.py")]
    return {".".join(_parts(path.relative_to(root))): path for path in files}


def _parts(path: Path) -> tuple[str, ...]:
    return path.parts[:-1] if path.name == "__init__.py" else path.with_suffix("").parts


def _project_modules(name: str, root: Path) -> Iterator[str]:
    """Yield the module that ``name`` is or lies in, and the packages around it, whose ``__init__`` runs too."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        prefix = ".".join(parts[:length])
        if prefix in _modules(root):
            yield prefix
