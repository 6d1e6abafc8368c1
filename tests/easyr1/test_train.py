"""Cells end to end under an unmodified EasyR1: Ray, FSDP, its rollout and checkpoint code, one worker and two."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from safetensors.torch import load_file
from torch.testing import assert_close

from contracts.records import TrainingStep
from methods.engines.shared.problems import load_problems
from methods.shared.schedule import lr_factor
from tests.easyr1.cells import Bench, Trained, make_cell

METHODS = ("grpo", "rlsd", "cepo", "opsd", "sdpo")
KINDS = [(1, True), (1, False), (2, True), (2, False)]  # workers, packed


@pytest.mark.parametrize(("workers", "packed"), KINDS)
@pytest.mark.parametrize("method", METHODS)
def test_two_steps(method: str, workers: int, packed: bool, bench: Bench):
    cell = make_cell(method)
    trained = bench.train(cell, bench.settings(workers, packed))
    steps, run = trained.steps, trained.run
    assert [s.step for s in steps] == [1, 2]
    assert run.cell_digest == cell.digest and run.versions["transformers"].startswith("4.57")
    assert run.val_accuracy_start is not None and steps[1].val_accuracy is not None and run.val_problems == 3
    factors = [lr_factor(step, 2, "cosine", 0) for step in (0, 1)]
    assert [s.lr for s in steps] == pytest.approx([cell.options["lr"] * factor for factor in factors])
    for step in steps:
        assert step.tokens > 0 and step.entropy > 0 and math.isfinite(step.loss)
        assert set(step.seconds) >= {"rollout", "verify", "score", "update"}
        assert step.mixed > 0 and step.delta_w > 0
        assert step.rollout_gap is not None and 0 < step.rollout_gap.mean <= step.rollout_gap.max < 1e-3
    if method in ("rlsd", "cepo"):
        assert [s.lam for s in steps] == pytest.approx([0.5, 0.48])
        assert all(s.evidence and s.evidence.weight_clip_rate is not None for s in steps)
    if method != "grpo":
        assert all(s.seconds["teacher"] > 0 for s in steps)


@pytest.mark.parametrize("method", METHODS)
def test_workers_and_packing_do_not_change_the_numbers(method: str, bench: Bench):
    """Seeds count over all workers and mini-batches are the method's, so only rounding may differ."""
    first, *others = [bench.train(make_cell(method), bench.settings(*kind)) for kind in KINDS]
    for other in others:
        for one, two in zip(first.steps, other.steps, strict=True):
            assert one.tokens == two.tokens
            assert one.loss == pytest.approx(two.loss, abs=1e-5)
            assert one.delta_w == pytest.approx(two.delta_w, rel=1e-3)
        assert [r.tokens for r in first.rollouts] == [r.tokens for r in other.rollouts]


@pytest.mark.parametrize("method", METHODS)
def test_rollouts_are_kept_as_the_local_engine_keeps_them(method: str, bench: Bench):
    """What each token got follows from the rest of its row, on two workers as on one."""
    rows = bench.train(make_cell(method), bench.settings(2, False)).rollouts
    assert [(r.step, r.member) for r in rows] == [(s, m) for s in (1, 2) for _ in range(4) for m in range(4)]
    assert {r.problem for r in rows} <= {p.id for p in load_problems(bench.data)}
    for row in rows:
        lists = [values for values in (row.credit, row.divergence, row.evidence) if values is not None]
        assert {len(values) for values in lists} <= {len(row.tokens)}
        assert (row.credit is None) == (method in ("opsd", "sdpo")) == (row.divergence is not None)
        assert row.tokens[-1] in ("<|im_end|>", "<|endoftext|>") or row.truncated
        if method == "grpo":
            assert row.credit == [row.advantage] * len(row.tokens)
    if method in ("opsd", "sdpo"):
        found = [value for row in rows for value in row.divergence or []]
        assert min(found) >= -1e-6 and max(found) > 0
    if method in ("rlsd", "cepo"):
        check_credit(rows, float(make_cell(method).options["eps_w"]))


def check_credit(rows: Sequence, eps: float) -> None:
    """The paper's formula, by hand, with lambda 0.5 at the first step and 0.48 at the second."""
    found = [row for row in rows if row.evidence is not None]
    assert {row.step for row in found} == {1, 2}
    for row in found:
        lam = {1: 0.5, 2: 0.48}[row.step]
        weight = np.clip(np.exp(np.sign(row.advantage) * np.array(row.evidence)), 1 - eps, 1 + eps)
        assert np.allclose(row.credit, row.advantage * (1 - lam + lam * weight), atol=1e-5)


def test_a_seed_decides_data_adapter_and_rollouts(bench: Bench):
    """The same seed twice gives the same numbers (above); another one changes each of the three."""
    one = bench.train(make_cell("grpo"), bench.settings())
    again = bench.train(make_cell("grpo"), bench.settings(), bench.folder / "again")
    other = bench.train(make_cell("grpo", seed=2), bench.settings())
    assert [comparable(s) for s in one.steps] == [comparable(s) for s in again.steps]
    for name, tensor in adapter(one).items():
        assert_close(adapter(again)[name], tensor, atol=0, rtol=0)
    assert [r.problem for r in one.rollouts] != [r.problem for r in other.rollouts]
    assert {tuple(r.tokens) for r in one.rollouts} != {tuple(r.tokens) for r in other.rollouts}
    a = next(name for name in adapter(one) if "lora_A" in name)
    assert float((adapter(one)[a] - adapter(other)[a]).abs().max()) > 0.05  # steps of 0.01 alone do not get there
    assert one.run.seeds["validation"] != other.run.seeds["validation"]


def test_the_adapter_of_the_best_validation_is_kept(bench: Bench):
    """Two validations; the adapter that is left is that of the better one, the first of equals."""
    cell = make_cell("grpo", checkpoint="best_val")
    best = bench.train(cell, bench.settings(validate_every=1))
    last = bench.train(make_cell("grpo"), bench.settings())
    accuracies = [s.val_accuracy for s in best.steps]
    assert None not in accuracies and best.run.adapter_step == 1 + accuracies.index(max(accuracies))
    same = all(bool((tensor == adapter(last)[name]).all()) for name, tensor in adapter(best).items())
    assert same == (best.run.adapter_step == 2)


def adapter(trained: Trained) -> dict:
    return load_file(trained.out / "adapter" / "adapter_model.safetensors")


def comparable(step: TrainingStep) -> dict:
    """What must not depend on when a run was made."""
    return step.model_dump(exclude={"seconds"})
