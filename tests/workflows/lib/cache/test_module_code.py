"""What is kept of a module's code is what its text says now."""

from __future__ import annotations

from pathlib import Path

import pytest

from workflows.lib.cache.module_code import KEPT, Kept, ModuleCode, parse, read_code

TEXT, EDITED = b"import methods.maths\nx = 1\n", b"import methods.maths\nx = 2\n"
NAME = "methods.plain"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / KEPT).parent.mkdir()
    return tmp_path


def kept(root: Path) -> Path:
    return root / KEPT / f"{NAME}.json"


def test_what_was_parsed_is_not_parsed_again(root: Path, monkeypatch: pytest.MonkeyPatch):
    first = read_code(TEXT, NAME, False, root)
    assert first == parse(TEXT, "methods")
    monkeypatch.setattr("workflows.lib.cache.module_code.parse", None)
    assert read_code(TEXT, NAME, False, root) == first


def test_an_edited_text_and_a_text_of_another_package_are_parsed(root: Path):
    relative = b"from . import maths"
    assert read_code(TEXT, NAME, False, root) != read_code(EDITED, NAME, False, root) == parse(EDITED, "methods")
    assert read_code(relative, NAME, False, root).names == ("methods.maths",)
    assert read_code(relative, NAME, True, root).names == ("methods.plain.maths",)


def test_another_python_or_parser_parses_again(root: Path, monkeypatch: pytest.MonkeyPatch):
    read_code(TEXT, NAME, False, root)
    path = kept(root)
    entry = Kept.model_validate_json(path.read_text())
    path.write_text(Kept(key=entry.key, code=ModuleCode("0", ())).model_dump_json())
    assert read_code(TEXT, NAME, False, root).digest == "0"
    monkeypatch.setattr("workflows.lib.cache.module_code._parser", lambda: b"another")
    assert read_code(TEXT, NAME, False, root) == parse(TEXT, "methods")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1}'])
def test_a_file_that_says_something_else_is_written_anew(root: Path, text: str):
    found = read_code(TEXT, NAME, False, root)
    kept(root).write_text(text)
    assert read_code(TEXT, NAME, False, root) == found
    assert Kept.model_validate_json(kept(root).read_text()).code == found


def test_nothing_is_written_where_snakemake_keeps_nothing(tmp_path: Path):
    assert read_code(TEXT, NAME, False, tmp_path) == parse(TEXT, "methods")
    assert not list(tmp_path.iterdir())
