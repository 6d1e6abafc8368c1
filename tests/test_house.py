"""The house: folders of a size that one can take in, each with a list of its files; small files, small functions."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.paths import ROOT
from tests.conftest import LONG

PACKAGES = ("cepo_bench", "contracts", "methods", "evals", "workflows")
MODULES, LINES, FUNCTION = 25, 300, 60  # at most: modules in a folder, lines of a file, lines of a function
NAMED = re.compile(r"`([\w/]+\.(?:py|smk))`")  # a file, as a README names it


def sources() -> list[Path]:
    """Every module of the project."""
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def modules(folder: Path) -> set[str]:
    """Names of the modules of a folder that hold code."""
    return {path.name for path in folder.glob("*.py") if path.name != "__init__.py" or path.read_text().strip()}


FOLDERS = [str(folder.relative_to(ROOT)) for folder in sorted({path.parent for path in sources()}) if modules(folder)]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_lists_its_files(name: str):
    readme = ROOT / name / "README.md"
    assert readme.is_file(), (
        f"{name} has no README.md with a line for each of {', '.join(sorted(modules(readme.parent)))}"
    )
    rows = [line for line in readme.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    listed = {file for row in rows for file in NAMED.findall(row.split("|")[1])}
    assert modules(readme.parent) <= listed, f"{readme}: no line for {sorted(modules(readme.parent) - listed)}"
    gone = {file for file in listed if not (readme.parent / file).exists()}
    assert not gone, f"{readme} lists files that do not exist: {sorted(gone)}"


# A question of a newcomer: the page of a folder, the file that its answer is in, and a line of that file.
SIGNPOSTS = {
    "where eps_w gets its default": ("methods", "base.py", "eps_w: float ="),
    "where an interval of Table 2 is computed": ("evals/statistics", "intervals.py", "def differences("),
    "where a wrong rollout's answer is chosen": ("methods/shared", "references.py", "def wrong_answer("),
    "what decides whether a cell is trained again": ("workflows/lib/dag", "recipes.py", "def cell_digests("),
    "where to add a figure": ("evals/analysis/figures", "__init__.py", "To add one:"),
}


@pytest.mark.parametrize("question", SIGNPOSTS)
def test_two_steps_lead_from_the_top_to(question: str):
    folder, file, line = SIGNPOSTS[question]
    front = (ROOT / "README.md").read_text(encoding="utf-8")
    assert any(f"`{place}/`" in front for place in [folder, *map(str, Path(folder).parents)]), "README names no way"
    assert f"`{file}`" in (ROOT / folder / "README.md").read_text(encoding="utf-8")
    assert line in (ROOT / folder / file).read_text(encoding="utf-8")


def test_a_word_has_one_meaning():
    page = (ROOT / "docs/words.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ") and "| meaning |" not in line]
    words = [word.strip(" `") for row in rows for word in row.split(",")]
    assert sorted(set(words)) == sorted(words)
    assert {"reference", "step", "row", "arm", "baseline", "partner", "full fine-tuning"} <= set(words)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_can_be_taken_in(name: str):
    assert len(modules(ROOT / name)) <= MODULES


def test_no_two_classes_have_one_name():
    places: dict[str, list[str]] = defaultdict(list)
    for path in sources():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_files_and_functions_are_short():
    long = {str(path.relative_to(ROOT)): n for path in sources() if (n := len(path.read_text().splitlines())) > LINES}
    assert long == {}
    assert {place: length for path in sources() for place, length in _functions(path) if length > FUNCTION} == {}


def test_a_method_imports_nothing_above_it():
    for path in (ROOT / "methods").glob("[a-z]*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            assert not str(module).startswith(("methods.engines", "methods.micro", "evals")), f"{path}: {module}"


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path.relative_to(ROOT)}:{node.lineno}", node.end_lineno - node.lineno + 1


def test_the_files_that_run_first_exist():
    assert not [name for name in LONG if not (ROOT / "tests" / f"{name}.py").exists()]
