"""A method that is one more file in methods/: one that needs values, privileged rollouts, or a tree of rollouts."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

import methods
from contracts.paths import ROOT
from contracts.records import TrainingStep
from methods.base import load_method
from tests.helpers.method_contract import check_contract
from tests.methods.engines.local.test_local_train import make_cell, run
from workflows.lib.config.method_options import read_methods

HEAD = '''"""A method of a test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from methods.base import Method, PrefixValues, PrivilegedRollouts, SelfDistillation
from methods.shared.advantage import all_wrong_groups
from methods.shared.credit import uniform_credit
from methods.shared.divergence import forward_kl
from methods.shared.prefixes import before_end, segment_advantage
from methods.shared.references import right_answer
from methods.shared.rollout_tree import RolloutTree, on_tokens, owned, tree_advantage
from methods.shared.surrogate import selected


@dataclass(frozen=True)
'''
VALUED = '''class EveryOther(Method):
    """The value after every other token."""

    valued: ClassVar[bool] = True
    continuations: int = 2

    def prefix_values(self):
        return PrefixValues(self.places, self.continuations)

    def places(self, batch):
        return before_end(batch.mask) & (torch.arange(batch.mask.shape[1]) % 2 == 1)

    @torch.no_grad()
    def credit(self, batch, step):
        values = batch.values
        return segment_advantage(values["known"], values["prefix"], values["start"], batch.reward, batch.mask)
'''
TUTORED = '''class Copying(SelfDistillation):
    """The right rollouts of a teacher that is shown the answer, where no rollout is right."""

    tutored: ClassVar[bool] = True

    def privileged_rollouts(self):
        return PrivilegedRollouts(self.teacher(right_answer), self.unsolved, 2)

    def unsolved(self, batch):
        return all_wrong_groups(batch.correct, batch.group)

    def credit(self, batch, step):
        return uniform_credit(batch.advantage, batch.mask)

    def distil(self, student_logits, teacher_logits, batch):
        return selected(forward_kl(student_logits, teacher_logits), batch.mask)
'''
BRANCHED = '''class Forking(Method):
    """Two rollouts go on from each of two beginnings; each token gets the advantage of its part."""

    branched: ClassVar[bool] = True
    group_size: int = 4

    def rollout_tree(self):
        return RolloutTree((2, 2), 3)

    def credit(self, batch, step):
        tree = self.rollout_tree()
        gained = tree_advantage(tree, batch.reward, batch.group, batch.leaf) * owned(tree, batch.leaf)
        return on_tokens(tree, gained, batch.mask) * batch.mask
'''
FLAGS = {
    "every_other": (VALUED, ["valued"]),
    "copying": (TUTORED, ["tutored"]),
    "forking": (BRANCHED, ["branched"]),
}


@pytest.fixture(params=FLAGS)
def added(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Its name: the file lies in a copy of methods/, and can be imported as every method can."""
    folder = tmp_path / "copy" / "methods"
    shutil.copytree(ROOT / "methods", folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / f"{request.param}.py").write_text(HEAD + FLAGS[request.param][0])
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(folder)])
    monkeypatch.delitem(sys.modules, f"methods.{request.param}", raising=False)
    yield request.param
    sys.modules.pop(f"methods.{request.param}", None)


@pytest.mark.usefixtures("every_teacher_right")
def test_it_is_known_holds_the_contract_and_trains(added, tiny_base, micro_data, tmp_path):
    known = read_methods(tmp_path / "copy")
    assert known[added].sampled_needs == FLAGS[added][1]
    assert {name: one for name, one in known.items() if name != added} == read_methods(ROOT)
    check_contract(load_method(added, {}))
    found = run(make_cell(added, steps=1), tiny_base, micro_data, tmp_path / "cell")
    assert any(v.abs().max() > 0 for k, v in found.items() if "lora_B" in k)
    (line,) = (tmp_path / "cell" / "train.jsonl").read_text().splitlines()
    assert TrainingStep.model_validate_json(line).extra_tokens
