"""docs/audit.md against the code: options and values exist, presets are as it says, arms are in their experiments."""

import re

import pytest
import yaml

from contracts.paths import ROOT
from workflows.lib.config.loading import read_experiments
from workflows.lib.config.method_options import Option, read_methods

PAGE = ROOT / "docs" / "audit.md"
METHODS, EXPERIMENTS = read_methods(), read_experiments()
ROWS = [
    [cell.strip() for cell in line.split("|")[1:-1]]
    for line in PAGE.read_text().splitlines()
    if re.match(r"\| \d", line)
]
OPTION = re.compile(r"`(?:(\w+)\.)?(\w+)`: ((?:(?:P |R )*`[^`]+`(?:, )?)+)")
VALUE = re.compile(r"((?:P |R )*)`([^`]+)`")
ARM = re.compile(r"`(\w+): (\w+)/([\w.=+-]+)`")
CLAIMS = [(row[0], *match.groups()) for row in ROWS for match in OPTION.finditer(row[4])]


def options(method: str | None, name: str) -> dict[str, Option]:
    """The option in that method, or in every method that has it."""
    found = {m: source.options[name] for m, source in METHODS.items() if name in source.options and method in (None, m)}
    assert found, f"no method has {method or ''}.{name}"
    return found


def value(text: str, option: Option, place: str) -> object:
    """A value as written on the page."""
    read = yaml.safe_load(text)
    return option.parse(float(read) if option.kind is float else read, place)


def test_every_point_has_a_row() -> None:
    assert sorted(int(row[0]) for row in ROWS) == list(range(1, 57))
    assert all(len(row) == 6 and all(row) for row in ROWS)


@pytest.mark.parametrize(("number", "method", "name", "values"), CLAIMS, ids=lambda x: str(x)[:30])
def test_options_values_and_presets_are_as_the_page_says(number: str, method: str, name: str, values: str) -> None:
    for owner, option in options(method, name).items():
        preset = METHODS[owner].presets
        said = {mark: value(text, option, name) for marks, text in VALUE.findall(values) for mark in marks.split()}
        for _, text in VALUE.findall(values):
            value(text, option, f"row {number}")  # raises if the option cannot be that
        shared = method is not None or owner in ("grpo", "rlsd", "cepo")  # others' defaults are named with the method
        if shared:
            assert said["P"] == preset["paper"].get(name, option.default)
            assert said.get("R", said["P"]) == preset["released"].get(name, option.default)


def test_two_values_of_every_switch() -> None:
    fixed = {"lr", "steps", "max_prompt", "max_response", "teacher_sync", "eps_w"}  # numbers; their rows name two
    for number, _, name, values in CLAIMS:
        assert len(VALUE.findall(values)) > 1 or name in fixed, f"row {number}: {name}"


def test_every_arm_is_in_its_experiment() -> None:
    arms = [match for row in ROWS for match in ARM.findall(row[5])]
    assert len(arms) > 40
    for experiment, method, variant in arms:
        found = {(m, v) for arm in EXPERIMENTS[experiment].arms for m in arm.methods or METHODS for v in arm.variants}
        assert (method, variant) in found, f"{experiment}: {method}/{variant}"


def test_every_row_is_measured_or_says_why_not() -> None:
    for row in ROWS:
        assert ARM.search(row[5]) or "not visible" in row[5] or "not expressible" in row[5], row[0]


def test_every_arm_of_the_audit_is_on_the_page() -> None:
    named = set(ARM.findall(" ".join(row[5] for row in ROWS)))
    for arm in EXPERIMENTS["audit"].arms:
        for method in arm.methods or METHODS:
            for variant in set(arm.variants) - {"default"}:
                if variant != "released":
                    assert ("audit", method, variant) in named, f"audit: {method}/{variant}"
