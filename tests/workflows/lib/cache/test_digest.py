"""What changes a digest of code and what does not."""

from pathlib import Path

import pytest

from tests.helpers.projects import write_project
from workflows.lib.cache.digest import code_digest, lock_digest, value_digest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_project(tmp_path)


def both(root: Path) -> tuple[str, str]:
    """Digests of ``plain`` and ``sharp`` as a new process would compute them."""
    code_digest.cache_clear()
    return code_digest("methods.plain", root=root), code_digest("methods.sharp", root=root)


def edit(root: Path, name: str, old: str, new: str) -> None:
    path = root / "methods" / f"{name}.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("sharp", "top: int = -1", "top: int = -1  # no limit"),
        ("sharp", "\nPRESETS", "\n\n\n# presets\nPRESETS"),
        ("base", '"""Options of all."""', '"""Options of every method."""'),
        ("maths", '    """Between 0 and 1."""\n', ""),
        ("maths", "  # both ends", ""),
        ("base", "lr: float = 1e-6", "lr: float = 0.000001"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(root: Path, file: str, old: str, new: str):
    before = both(root)
    edit(root, file, old, new)
    assert both(root) == before


@pytest.mark.parametrize(
    ("file", "old", "new", "plain", "sharp"),
    [
        ("sharp", "top: int = -1", "top: int = -2", False, True),
        ("plain", "pass", "beta: float = 1.0", True, False),
        ("maths", "min(max(x, 0), 1)", "min(max(x, 0), 2)", False, True),  # imported by sharp only
        ("base", "alpha: int = 32", "alpha: int = 33", True, True),  # imported by both
        ("__init__", "", "import math", True, True),  # runs before either
    ],
)
def test_an_edit_counts_for_those_who_import_it(
    root: Path, file: str, old: str, new: str, plain: bool, sharp: bool
):  # fmt: skip
    before = both(root)
    edit(root, file, old, new) if old else (root / "methods" / f"{file}.py").write_text(new)
    after = both(root)
    assert (after[0] != before[0], after[1] != before[1]) == (plain, sharp)


def test_undoing_an_edit_restores_the_digest(root: Path):
    before = both(root)
    edit(root, "sharp", "top: int = -1", "top: int = -2")
    edit(root, "sharp", "top: int = -2", "top: int = -1")
    assert both(root) == before


def test_digest_does_not_depend_on_where_the_project_is(root: Path, tmp_path_factory: pytest.TempPathFactory):
    assert both(root) == both(write_project(tmp_path_factory.mktemp("elsewhere")))


@pytest.mark.parametrize(
    "line",
    [
        "import methods.maths",
        "from methods import maths",
        "from . import maths",
        "from .maths import clip",
        'run("maths.py")',  # a script beside it, run as a process of its own
    ],
)
def test_every_way_to_import_is_followed(root: Path, line: str):
    edit(root, "plain", "pass", f"def f(self):\n        {line}")
    before = both(root)
    edit(root, "maths", "min(max(x, 0), 1)", "x")
    assert both(root)[0] != before[0]


def test_imports_in_a_circle_end(root: Path):
    edit(root, "maths", "def clip", "import methods.sharp\ndef clip")
    assert both(root)[1]


def test_lock_digest_is_about_packages(tmp_path: Path):
    first, second, third = (tmp_path / name for name in "abc")
    first.write_text("a==1\nb==2\n")
    second.write_text("# made by pip\nb==2\n\na==1  # why\n")
    third.write_text("a==1\nb==3\n")
    assert lock_digest(first) == lock_digest(second) != lock_digest(third)


def test_value_digest_ignores_the_order_of_keys():
    assert value_digest({"a": 1, "b": 2.5}) == value_digest({"b": 2.5, "a": 1}) != value_digest({"a": 1, "b": 2})
