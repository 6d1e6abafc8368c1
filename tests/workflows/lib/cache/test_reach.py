"""Every module that decides a number moves the digests of the jobs that use it, and no others.

What a job uses is found twice here, without the code under test: from the text of the modules, and by importing them.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from contracts.paths import ROOT
from workflows.lib.cache.digest import FOLLOWED, NOT_DECIDING, code_digest, followed

METHOD = "methods.cepo"
# What the jobs of the workflow run, as workflows/lib/dag/recipes.py gives it to the digests.
ENTRIES = {
    "train local": (METHOD, "methods.engines.local.train"),
    "train local, rollouts by vLLM": (METHOD, "methods.engines.local.vllm.train"),
    "train easyr1": (METHOD, "methods.engines.easyr1.train"),
    "evaluate": ("evals.run",),
    "evaluate with vLLM": ("evals.vllm.run",),
    "measure gradients": (METHOD, "methods.engines.local.gradients.measure", "methods.micro.labels"),
    "prepare a step scorer": ("methods.engines.local.prepared.step_scorer",),
    "prepare contrast models": ("methods.engines.local.prepared.contrast",),
    "estimate gradients": ("evals.gradient_estimates",),
    "measure truth": (METHOD, "methods.engines.local.truth.measure", "methods.micro.labels"),
    "estimate truth": ("evals.truth_estimates",),
    "score": ("evals.scores",),
    "score credit": ("evals.credit_scores", "methods.micro.labels"),
    "draw problems": ("methods.micro.data",),
    "draw benchmarks": ("methods.micro.benchmarks",),
    "build a base model": ("methods.micro.bases",),
    "check a base model": ("methods.micro.checks",),
}
# Modules that run as a process of their own, by the module that starts them.
STARTED = {
    "evals.vllm.job": "evals.vllm.run",
    "methods.engines.local.vllm.process": "methods.engines.local.vllm.worker",
    "methods.shared.rewards": "methods.shared.grade_worker",
    "methods.engines.easyr1.train": "methods.engines.easyr1.run",
    "methods.engines.easyr1.config": "methods.engines.easyr1.reward",
}


def import_each() -> dict[str, list[str] | str]:
    """Import every entry as in a new process; the modules of the project that each brought, or the package it lacks."""
    brought: dict[str, list[str] | str] = {}
    for name, modules in ENTRIES.items():
        for module in [m for m in sys.modules if m.split(".")[0] in FOLLOWED]:
            del sys.modules[module]
        try:
            for module in modules:
                importlib.import_module(module)
        except ModuleNotFoundError as error:
            brought[name] = f"no {error.name}"
            continue
        brought[name] = [m for m in sys.modules if m.split(".")[0] in FOLLOWED]
    return brought


def said_by_a_fork(say: Callable[[], str]) -> str:
    """What ``say`` returns in a fork of this process, whose own modules stay as they are; torch is imported already."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(ours)
            with open(theirs, "w") as file:  # noqa: PTH123 - a descriptor, not a path
                file.write(say())
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(theirs)
    with open(ours) as file:  # noqa: PTH123
        said = file.read()
    assert os.waitpid(child, 0)[1] == 0, said
    return said


def modules_of(root: Path) -> dict[str, Path]:
    """Every module of the packages that digests follow, by name."""
    found = {}
    for top in FOLLOWED:
        for path in sorted((root / top).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Modules of the project that a file imports anywhere in it, with the packages around them."""
    names = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: this project imports by full names"
            names += [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
    for name in names:
        yield from (module for module in with_packages(name) if module in known)


def with_packages(module: str) -> list[str]:
    """``a.b.c`` as a, a.b and a.b.c: importing it runs all three."""
    parts = module.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]


def reached(entry: tuple[str, ...], imports: dict[str, set[str]]) -> set[str]:
    """Modules that a job uses: through imports and processes, but not through modules that cannot decide a number."""
    seen, waiting = set(), [module for name in entry for module in with_packages(name)]
    while waiting:
        module = waiting.pop()
        if module not in seen and module not in NOT_DECIDING:
            seen.add(module)
            waiting += [*imports[module], *with_packages(STARTED.get(module, module))]
    return seen


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's code, not to be changed."""
    root = tmp_path_factory.mktemp("copy")
    for top in FOLLOWED:
        shutil.copytree(ROOT / top, root / top, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def digests(root: Path) -> dict[str, str]:
    """The digest of every entry, as a new process would compute it."""
    code_digest.cache_clear()
    return {name: code_digest(*modules, root=root) for name, modules in ENTRIES.items()}


stored = cache(Path.read_bytes)  # of files that nobody changes: a digest reads most of the project's


def moved_by(path: Path, text: str, root: Path, before: dict[str, str]) -> set[str]:
    """Entries whose digest moves when ``path`` holds ``text``; every other file is as it is stored."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_bytes", lambda file: text.encode() if file == path else stored(file))
        after = digests(root)
    return {name for name in before if after[name] != before[name]}


def changed(path: Path) -> str:
    """The text of a file with its first numeric constant of module level raised by one, or with a new constant."""
    lines = path.read_text().splitlines()
    for node in ast.parse(path.read_bytes()).body:
        value = getattr(node, "value", None)
        if isinstance(node, ast.Assign) and isinstance(value, ast.Constant) and type(value.value) in (int, float):
            line = lines[value.lineno - 1]
            lines[value.lineno - 1] = f"{line[: value.col_offset]}{value.value + 1}{line[value.end_col_offset :]}"
            return "\n".join(lines)
    return "\n".join([*lines, "A_NEW_CONSTANT = 1"])


def test_a_constant_of_each_module_moves_the_digests_of_those_who_use_it_and_of_no_other(copy: Path):
    known = modules_of(copy)
    imports = {module: set(imported(path, known)) for module, path in known.items()}
    uses = {name: reached(modules, imports) for name, modules in ENTRIES.items()}
    before = digests(copy)
    for module in sorted(set().union(*uses.values()) | NOT_DECIDING.keys()):
        expected = {name for name in ENTRIES if module in uses[name]}
        assert moved_by(known[module], changed(known[module]), copy, before) == expected, module
    assert digests(copy) == before


def test_the_bias_that_bars_tokens_of_vllm_decides_what_vllm_samples(copy: Path):
    path, before = copy / "methods" / "shared" / "vllm.py", digests(copy)
    text = path.read_text()
    assert "BIAS = -100.0" in text
    moved = moved_by(path, text.replace("BIAS = -100.0", "BIAS = -1.0"), copy, before)
    assert moved == {"evaluate with vLLM", "train local, rollouts by vLLM", "train easyr1"}


@pytest.mark.parametrize(("starter", "started"), STARTED.items())
def test_what_a_module_starts_as_a_process_counts_as_its_own(starter: str, started: str):
    assert started in followed(starter)


def test_importing_a_job_brings_no_module_that_its_digest_leaves_out():
    brought = json.loads(said_by_a_fork(lambda: json.dumps(import_each())))
    elsewhere = {name: modules for name, modules in brought.items() if isinstance(modules, str)}
    assert elsewhere.keys() <= {"train easyr1", "evaluate with vLLM"}, elsewhere  # packages of other environments
    for name in brought.keys() - elsewhere.keys():
        assert set(brought[name]) <= followed(*ENTRIES[name]).keys() | NOT_DECIDING.keys(), name


def test_what_cannot_decide_a_number_exists_and_has_a_reason():
    assert NOT_DECIDING.keys() <= modules_of(ROOT).keys()
    assert all(reason.strip() for reason in NOT_DECIDING.values())
