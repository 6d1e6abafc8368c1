"""benchmarks/limit.py: the products of a step, counted by hand and by PyTorch."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from contracts.paths import ROOT
from methods.base import load_method

SMALL = {"steps": 1, "prompts": 2, "minibatch_prompts": 1, "group_size": 4, "max_response": 3, "warmup_steps": 0}


@pytest.fixture(scope="module", autouse=True)
def scripts() -> None:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    yield
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture
def counts() -> ModuleType:
    return import_module("step_products")


@pytest.fixture
def limit() -> ModuleType:
    return import_module("limit")


def one_layer(counts: ModuleType):
    """A language model of one layer: 4 wide, one head of 2, MLP of 6, 10 tokens, an adapter of rank 1."""
    return counts.Shape(4, 6, 1, 1, 1, 2, 10, 1, 2, 4, 1, 1, 1, 3, 4)


def test_products_of_one_layer_by_hand(counts: ModuleType):
    # q, k, v: 4 x 2 each; o: 2 x 4; gate, up, down: 4 x 6 each; so 24 + 8 + 72 = 104 multiplications a token
    shape = one_layer(counts)
    assert sum(p.flops for p in counts.layers(shape, rows=5)) == 2 * 104 * 5
    # 3 sequences, 1 query, 7 keys of 2 numbers: 14 multiplications for scores and 14 for values, each
    assert sum(p.flops for p in counts.language_attention(shape, 3, 1, 7)) == 2 * 3 * 28
    assert sum(p.flops for p in counts.folding(shape)) == 2 * 104


def test_a_gradient_takes_two_products_of_the_same_work(counts: ModuleType):
    left, right = counts.back([counts.MatrixProduct("", 3, 5, 7, batch=2, times=4)])
    assert (left.size, right.size) == ((2, 3, 7, 5), (2, 5, 3, 7))
    assert left.flops == right.flops == 2 * 2 * 3 * 5 * 7 * 4


def test_a_sampled_step_by_hand(counts: ModuleType):
    # 1 prompt of 3 tokens, 2 rollouts of 2 tokens: the prompt is read once, then one token of both
    work = counts.Work(prompts=1, group=2, prompt=3, response=2, updates=1, patches=4)
    linear, attention, head = 104 * (3 + 2), 3 * 3 * 4 + 2 * 4 * 4, 2 * (2 * 4 * 10)
    assert sum(p.flops for p in counts.sampled(one_layer(counts), work)) == 2 * (104 + linear + attention + head)


def test_counts_are_those_of_pytorch(limit: ModuleType, tiny_base: Path, tmp_path: Path):
    with limit.EverySecond() as grader:
        trainer = limit.our_side(load_method("grpo", SMALL), tiny_base, tmp_path, grader)
        limit.never_end(trainer)
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as seen:
            trainer.step(0)
    counted = limit.products_of(trainer, tiny_base, 0)
    assert sum(p.flops for p in counted) == seen.get_total_flops()


def test_limit_is_the_sum_of_times_of_products(limit: ModuleType, counts: ModuleType):
    products = [counts.MatrixProduct("rollout", 1, 2, 3, times=4), counts.MatrixProduct("rollout", 3, 2, 1, times=1),
                counts.MatrixProduct("update", 1, 2, 3)]  # fmt: skip
    seconds = {(1, 1, 2, 3): 0.5, (1, 3, 2, 1): 0.25}
    assert limit.limit_by_phase(products, seconds) == {"rollout": 2.25, "update": 0.5}


def test_a_time_per_product_is_positive(limit: ModuleType):
    threads = torch.get_num_threads()
    assert 0 < limit.seconds_of((2, 3, 4, 5)) < 0.01
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("name", "kind"),
    [("aten::mm", "matrix products"), ("aten::_softmax", "softmax and drawing"), ("aten::copy_", "copies"),
     ("aten::mul", "by element"), ("aten::native_layer_norm", "other")],
)  # fmt: skip
def test_kinds_of_operations(limit: ModuleType, name: str, kind: str):
    assert kind in limit.kind_of(name)
