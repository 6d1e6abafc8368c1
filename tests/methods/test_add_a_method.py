"""The example of docs/add-a-method.md is a method: it is read as the page shows it and holds the contract."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from pathlib import Path

import pytest
import torch

from methods.base import Method
from methods.grpo import Grpo
from tests.helpers.method_batches import random_rollouts
from tests.helpers.method_contract import check_contract
from workflows.lib.config.method_options import ROOT, read_methods

PAGE = ROOT / "docs" / "add-a-method.md"


def example() -> str:
    """The page's one block of Python."""
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return block


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the methods with the example among them."""
    shutil.copytree(ROOT / "methods", tmp_path / "methods", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "methods" / "peer.py").write_text(example())
    return tmp_path


@pytest.fixture
def peer(root: Path, monkeypatch: pytest.MonkeyPatch) -> type[Method]:
    """The example's class."""
    spec = importlib.util.spec_from_file_location("peer", root / "methods" / "peer.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "peer", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module.Peer


def test_the_example_holds_the_contract_with_every_preset(root, peer):
    presets = read_methods(root)["peer"].presets
    assert set(presets) == {"paper", "released", "bold"}
    for options in presets.values():
        check_contract(peer(**options))


def test_the_workflow_reads_its_options_and_no_others_change(root):
    methods = read_methods(root)
    assert methods["peer"].options["scale"].default == 1.0
    assert methods["peer"].options["eps_w"].default == 0.5
    assert {name: m for name, m in methods.items() if name != "peer"} == read_methods(ROOT)


def test_the_example_does_what_the_page_says(peer):
    batch = random_rollouts(0)
    (teacher,) = peer().teachers().values()
    assert teacher.style == "user_turn"
    alone = ~batch.has["peer"]
    assert torch.equal(peer().credit(batch, 0)[alone], Grpo().credit(batch, 0)[alone])
    assert not torch.equal(peer().credit(batch, 0), Grpo().credit(batch, 0))
    assert torch.equal(peer(scale=0.0).credit(batch, 0), Grpo().credit(batch, 0))
