"""The contract of methods/base.py, on every method there is: a new file in methods/ is tested without a word here."""

from __future__ import annotations

import pytest

from contracts.errors import ConfigError
from methods.base import load_method
from tests.helpers.method_contract import check_contract
from workflows.lib.config.method_options import read_methods

METHODS = sorted(read_methods())
PRESETS = {name: read_methods()[name].presets for name in METHODS}


@pytest.mark.parametrize(("name", "preset"), [(name, preset) for name in METHODS for preset in PRESETS[name]])
def test_every_method_and_preset_holds_the_contract(name, preset):
    check_contract(load_method(name, PRESETS[name][preset]))


@pytest.mark.parametrize("name", METHODS)
def test_every_value_of_every_choice_holds_the_contract(name):
    for option in read_methods()[name].options.values():
        values = option.choices or ((True, False) if option.kind is bool else ())
        for value in values:
            if value != "shuffled":  # the control draws per row, so another order of rollouts draws other permutations
                check_contract(load_method(name, {option.name: value}))


@pytest.mark.parametrize("name", METHODS)
def test_the_workflow_reads_the_defaults_the_class_has(name):
    defaults = {o.name: o.default for o in read_methods()[name].options.values()}
    assert load_method(name, defaults) == load_method(name, {})
    assert read_methods()[name].presets["paper"] == {}


def test_an_option_out_of_range_is_refused():
    with pytest.raises(ConfigError, match=r"option eps_w: 1\.5 is out of range; it is from 0 to 1"):
        load_method("cepo", {"eps_w": 1.5})
