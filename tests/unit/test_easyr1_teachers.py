"""Whose weights a teacher of the EasyR1 engine has, step by step; on a plain module, which needs no EasyR1."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from methods.base import Weights
from methods.engines.easyr1.teachers import TeacherWeights


class Adapted(torch.nn.Module):
    """One frozen and one trainable weight, and a switch for the latter, like a PEFT model."""

    def __init__(self) -> None:
        super().__init__()
        self.base = torch.nn.Parameter(torch.tensor([1.0]), requires_grad=False)
        self.adapter = torch.nn.Parameter(torch.tensor([2.0]))
        self.on = True

    @contextmanager
    def disable_adapter(self):
        self.on = False
        yield
        self.on = True

    def value(self) -> float:
        return float((self.base + self.adapter).detach()) if self.on else float(self.base)


def seen(teachers: TeacherWeights, module: Adapted, weights: Weights) -> float:
    """What the model computes as this teacher; afterwards it is the actor again."""
    before = module.value()
    with teachers.using(weights):
        value = module.value()
    assert module.value() == before
    return value


def test_actor_and_fixed_teachers():
    module = Adapted()
    teachers = TeacherWeights(module, {Weights(), Weights("fixed")})
    module.adapter.data += 1
    assert (seen(teachers, module, Weights()), seen(teachers, module, Weights("fixed"))) == (4.0, 1.0)


@pytest.mark.parametrize("tick", ["update", "step"])
def test_an_ema_teacher_follows_at_its_own_tick(tick: str):
    module, weights = Adapted(), Weights("ema", decay=0.75, tick=tick)
    teachers = TeacherWeights(module, {weights})
    module.adapter.data += 4
    teachers.moved("step" if tick == "update" else "update")
    assert seen(teachers, module, weights) == 3.0
    teachers.moved(tick)
    assert seen(teachers, module, weights) == 4.0  # a quarter of the way from 2 to 6, on top of the base's 1


def test_a_synced_teacher_copies_every_so_many_steps():
    module, weights = Adapted(), Weights("synced", every=2)
    teachers = TeacherWeights(module, {weights})
    values = []
    for step in range(5):
        teachers.start_step(step)
        values.append(seen(teachers, module, weights))
        module.adapter.data += 1
        teachers.moved("update")
        teachers.moved("step")
    assert values == [3.0, 3.0, 5.0, 5.0, 7.0]


def test_teachers_outlive_the_process(tmp_path: Path):
    wanted = {Weights("ema", decay=0.5), Weights("synced", every=10)}
    module = Adapted()
    teachers = TeacherWeights(module, wanted)
    module.adapter.data += 1
    teachers.moved("update")
    teachers.save(tmp_path / "teachers")
    other = TeacherWeights(Adapted(), wanted)
    other.load(tmp_path / "teachers")
    for weights, shadow in teachers.shadows.items():
        assert_close(other.shadows[weights], shadow, atol=0, rtol=0)
    assert float(teachers.shadows[Weights("ema", decay=0.5)][0]) == 2.5
