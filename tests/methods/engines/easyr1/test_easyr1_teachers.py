"""Whose weights a teacher of the EasyR1 engine has, step by step; on a plain module, which needs no EasyR1."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from methods.base import Weights
from methods.engines.easyr1.teachers import ShardTeachers, trainable_shards


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


def seen(teachers: ShardTeachers, module: Adapted, weights: Weights) -> float:
    """What the model computes as this teacher; afterwards it is the actor again."""
    before = module.value()
    with teachers.using(weights):
        value = module.value()
    assert module.value() == before
    return value


def test_actor_and_fixed_teachers():
    module = Adapted()
    teachers = ShardTeachers(module, {Weights(), Weights("fixed")})
    module.adapter.data += 1
    assert (seen(teachers, module, Weights()), seen(teachers, module, Weights("fixed"))) == (4.0, 1.0)


@pytest.mark.parametrize("tick", ["update", "step"])
def test_an_ema_teacher_follows_at_its_own_tick(tick: str):
    module, weights = Adapted(), Weights("ema", decay=0.75, tick=tick)
    teachers = ShardTeachers(module, {weights})
    module.adapter.data += 4
    teachers.moved("step" if tick == "update" else "update")
    assert seen(teachers, module, weights) == 3.0
    teachers.moved(tick)
    assert seen(teachers, module, weights) == 4.0  # a quarter of the way from 2 to 6, on top of the base's 1


def test_a_synced_teacher_copies_every_so_many_steps():
    module, weights = Adapted(), Weights("synced", every=2)
    teachers = ShardTeachers(module, {weights})
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
    teachers = ShardTeachers(module, wanted)
    module.adapter.data += 1
    teachers.moved("update")
    teachers.save(tmp_path / "teachers")
    other = ShardTeachers(Adapted(), wanted)
    other.load(tmp_path / "teachers")
    for weights, shadow in teachers.shadows.items():
        assert_close(other.shadows[weights], shadow, atol=0, rtol=0)
    assert float(teachers.shadows[Weights("ema", decay=0.5)][0]) == 2.5


class Whole(torch.nn.Module):
    """One frozen weight and two that are trained, without an adapter to turn off."""

    def __init__(self) -> None:
        super().__init__()
        self.head = torch.nn.Parameter(torch.tensor([10.0]), requires_grad=False)
        self.first, self.last = torch.nn.Parameter(torch.tensor([1.0])), torch.nn.Parameter(torch.tensor([2.0]))

    def value(self) -> float:
        return float((self.head * self.first + self.last).detach())

    def move(self, by: float) -> None:
        self.first.data += by
        self.last.data += by


def test_without_an_adapter_every_teacher_has_all_weights():
    """12 at the start, 21 and 2 x 10 + 3 after a move: the frozen weight is everybody's."""
    module, ema, synced = Whole(), Weights("ema", decay=0.5), Weights("synced", every=2)
    start = [shard.clone() for shard in trainable_shards(module)]
    assert len(start) == 2
    teachers = ShardTeachers(module, {Weights(), Weights("fixed"), ema, synced}, start)
    found = []
    for step in range(3):
        teachers.start_step(step)
        found.append([seen(teachers, module, w) for w in (Weights(), Weights("fixed"), ema, synced)])
        module.move(1.0)
        teachers.moved("update")
    assert found == [[12.0, 12.0, 12.0, 12.0], [23.0, 12.0, 17.5, 12.0], [34.0, 12.0, 25.75, 34.0]]


def test_a_resumed_fixed_teacher_is_the_base_again(tmp_path: Path):
    """EasyR1 loads its base before its checkpoint, so what the fixed teacher has is never saved."""
    wanted = {Weights("fixed"), Weights("ema", decay=0.5)}
    teachers = ShardTeachers(module := Whole(), wanted, [shard.clone() for shard in trainable_shards(module)])
    module.move(1.0)
    teachers.moved("update")
    teachers.save(tmp_path / "teachers")
    other = ShardTeachers(base := Whole(), wanted, [shard.clone() for shard in trainable_shards(base)])
    base.move(1.0)  # the actor's checkpoint
    other.load(tmp_path / "teachers")
    for weights in wanted:
        assert seen(other, base, weights) == seen(teachers, module, weights)
    assert seen(other, base, Weights("fixed")) == 12.0


def test_a_moving_average_of_bfloat16_weights_moves():
    """0.999 of a weight and 0.001 of another round to the weight itself in bfloat16."""
    module, weights = Adapted().to(torch.bfloat16), Weights("ema", decay=0.999, tick="step")
    teachers = ShardTeachers(module, {weights})
    module.adapter.data += 1
    for _ in range(2000):
        teachers.moved("step")
    assert_close(seen(teachers, module, weights), 1.0 + 3.0 - 0.999**2000, atol=0.02, rtol=0)
    assert module.adapter.dtype == torch.bfloat16
