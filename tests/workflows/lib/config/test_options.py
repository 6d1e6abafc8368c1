"""Options and presets as read from the source of a method, against what Python makes of it."""

import shutil
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from contracts.errors import ConfigError
from contracts.paths import ROOT
from methods.base import load_method
from tests.helpers.projects import SHARP, write_project
from workflows.lib.config.method_options import Option, read_methods


def test_options_are_inherited_and_overridden(tmp_path: Path):
    methods = read_methods(write_project(tmp_path))
    assert list(methods) == ["plain", "sharp"]
    assert {name: option.default for name, option in methods["plain"].options.items()} == {
        "lr": 1e-6, "alpha": 32, "schedule": "cosine", "keep": False,
    }  # fmt: skip
    sharp = methods["sharp"].options
    assert (sharp["lr"].default, sharp["eps"].default, sharp["top"].default) == (5e-6, 0.5, -1)
    assert sharp["schedule"].choices == ("cosine", "constant")
    assert [sharp[name].kind for name in ("lr", "alpha", "schedule", "keep")] == [float, int, str, bool]


def test_presets_take_what_a_method_has(tmp_path: Path):
    methods = read_methods(write_project(tmp_path))
    assert methods["plain"].presets == {"released": {"alpha": 64}}  # no eps
    assert methods["sharp"].presets == {"released": {"alpha": 64, "eps": 0.1, "lr": 1e-5}, "sharp": {"eps": 0.9}}


@pytest.mark.parametrize("name", list(read_methods()))
def test_source_and_class_agree(name: str):
    read = {option.name: option.default for option in read_methods()[name].options.values()}
    made = {field.name: field.default for field in fields(load_method(name, {}))}
    assert read == made
    assert MISSING not in made.values()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("top: int = -1", "top: int = 2 * 3", "methods/sharp.py:11: option 'top' needs a literal default; write a"),
        ("top: int = -1", "top: int", "methods/sharp.py:11: option 'top' needs a literal default; write a"),
        ("top: int = -1", "top: list[int] = 1", "methods/sharp.py:11: option 'top' has type list[int]; an option is"),
        ("top: int = -1", "top: int = 1.5", "methods/sharp.py:11: 1.5 is not a whole number"),
        ('{"eps": 0.9}', '{"esp": 0.9}', "methods/sharp.py: PRESETS.sharp.esp: sharp has no option 'esp'; it has"),
        ('{"eps": 0.9}', '{"eps": "big"}', "methods/sharp.py: PRESETS.sharp.eps: 'big' is not a finite number"),
        ('{"eps": 0.9}', "dict(eps=1)", "methods/sharp.py:6: PRESETS is not a table of literals; write {'name'"),
        ("class Sharp", "class Other(Credit): pass\nclass Sharp", "methods/sharp.py: defines more than one method"),
        ("class Sharp(Credit):", "class Sharp(Credit", "methods/sharp.py:9: not valid Python"),
    ],
)
def test_a_faulty_method_file_is_one_line(tmp_path: Path, old: str, new: str, message: str):
    path = write_project(tmp_path) / "methods" / "sharp.py"
    path.write_text(SHARP.replace(old, new))
    with pytest.raises(ConfigError) as error:
        read_methods(tmp_path)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "choices", "value", "parsed"),
    [(float, (), 1, 1.0), (float, (), 0.5, 0.5), (int, (), 3, 3), (bool, (), True, True), (str, ("a", "b"), "a", "a")],
)
def test_parse_keeps_the_type(kind: type, choices: tuple, value: object, parsed: object):
    made = Option("x", kind, choices, parsed).parse(value, "here")
    assert (made, type(made)) == (parsed, kind)


@pytest.mark.parametrize(
    ("kind", "choices", "value"),
    [
        (float, (), "0.5"), (float, (), True), (float, (), float("nan")), (int, (), 1.0), (int, (), True),
        (bool, (), 1), (str, (), 1), (str, ("a", "b"), "c"),
    ],
)  # fmt: skip
def test_parse_refuses_other_types(kind: type, choices: tuple, value: object):
    with pytest.raises(ConfigError, match=r"^here: .* is not "):
        Option("x", kind, choices, "a").parse(value, "here")


@pytest.mark.parametrize(
    "line", ["from methods.credit import token_credit", "import methods.credit", "from methods import credit"]
)
def test_an_import_from_where_shared_parts_used_to_be_names_the_new_place(tmp_path: Path, line: str):
    root = write_project(tmp_path)
    (root / "methods" / "shared").mkdir(exist_ok=True)
    (root / "methods" / "shared" / "credit.py").write_text("")
    (root / "methods" / "mine.py").write_text(f"{line}\n")
    message = "^methods/mine.py: methods.credit is methods.shared.credit now; change the import$"
    with pytest.raises(ConfigError, match=message):
        read_methods(root)


@pytest.mark.parametrize(
    "name",
    [
        "advantage",
        "contexts",
        "credit",
        "divergence",
        "limits",
        "references",
        "rewards",
        "schedule",
        "seeding",
        "surrogate",
    ],
)
def test_every_old_name_has_a_new_place(tmp_path: Path, name: str):
    (tmp_path / "methods" / "shared").mkdir(parents=True)
    shutil.copy(ROOT / "methods" / "shared" / f"{name}.py", tmp_path / "methods" / "shared")
    (tmp_path / "methods" / "mine.py").write_text(f"from methods.{name} import anything\n")
    with pytest.raises(ConfigError, match=f"methods.{name} is methods.shared.{name} now"):
        read_methods(tmp_path)
