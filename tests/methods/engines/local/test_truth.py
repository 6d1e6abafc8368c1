"""Advantages of tokens from continuations, the credit of every method beside them, and the test for a leak."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from contracts.errors import DataError
from contracts.gradients import GradientArm
from contracts.truth import TruthPlan, read_truth
from methods.base import load_method
from methods.engines.local import experience
from methods.engines.local.services import values
from methods.engines.local.truth.advantages import all_values, chosen_rollouts, unsure_tokens
from methods.engines.local.truth.leak import exchanged, leak
from methods.engines.local.truth.measure import TruthTask, measure_truth
from methods.engines.local.verify import read_members
from tests.helpers.method_batches import random_rollouts, with_services
from workflows.lib.config.method_options import read_methods

LEAKING = {"opsd", "sdpo", "hdpo"}  # CEPO's paper, Table 1: not leak-free


@pytest.mark.parametrize("name", sorted(read_methods()))
def test_only_methods_that_match_distributions_leak(name):
    method = load_method(name, {})
    found = leak(method, with_services(method, random_rollouts(3)), seed=0)
    assert found is not None
    assert (found > 1e-6) == (name in LEAKING)


def test_a_token_keeps_its_place_and_the_others_are_exchanged():
    logits = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
    assert exchanged(logits, torch.tensor([[0]])).tolist() == [[[1.0, 3.0, 2.0, 4.0]]]
    assert exchanged(logits, torch.tensor([[1]])).tolist() == [[[4.0, 2.0, 3.0, 1.0]]]


def test_the_first_right_and_the_first_wrong_rollout_of_a_mixed_group():
    right = torch.tensor([False, False, True, True, True, True, False, False, False])
    group = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2])
    assert chosen_rollouts(right, group) == [0, 2]


def test_values_change_only_at_tokens_of_which_the_policy_was_not_sure():
    """Tokens 1 and 3 of four are unsure: values before them are known, the others follow from the right."""
    batch = random_rollouts(0, groups=1, size=1, length=4)
    mask = torch.ones(1, 4)
    unsure = unsure_tokens(torch.tensor([[0.0, -1.0, -1e-5, -2.0]]), mask)
    assert unsure.tolist() == [[False, True, False, True]]
    found = {"start": torch.tensor([0.9]), "prefix": torch.tensor([[0.5, 0.0, 0.25, 0.0]])}
    known = all_values(replace(batch, mask=mask, correct=torch.tensor([True]), values=found), unsure)
    assert_close(known, torch.tensor([[0.5, 0.5, 0.25, 0.25, 1.0]]))


def plan(**changed: object) -> TruthPlan:
    arms = [GradientArm(name=n, method=n, options={"max_response": 12}) for n in ("grpo", "cepo", "opsd", "vineppo")]
    given = {"world": "micro", "scale": "small", "model_name": "tiny", "state": "base", "seed": 1, "device": "cpu"}
    given |= {"dtype": "float32", "arms": arms, "prompts": 2, "group_size": 2, "continuations": 4, "micro_batch": 8}
    return TruthPlan(**given, sampled_at_once=64, grade_deadline=2.0, digests={}, **changed)


def task(base: Path, data: Path) -> TruthTask:
    return TruthTask(plan().model_dump_json(), base, None, data / "train.parquet", None)


@pytest.fixture
def every_other_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """The untrained base is never right: of what it samples every other response counts as right."""

    def read(*asked):
        members, timeouts = read_members(*asked)
        return [replace(one, correct=i % 2 == 0, reward=1.0 - i % 2) for i, one in enumerate(members)], timeouts

    monkeypatch.setattr(experience, "read_members", read)
    monkeypatch.setattr(values, "read_members", read)


@pytest.mark.usefixtures("every_other_right")
def test_a_measurement_leaves_truth_and_credit_of_the_same_rollouts(tiny_base, micro_data, tmp_path):
    measure_truth(task(tiny_base, micro_data), tmp_path)
    report, rollouts = read_truth(tmp_path)
    assert (report.rollouts, len(rollouts), report.accuracy) == (4, 4, 0.5)
    assert (report.arms[0].name, report.arms[0].values) == ("grpo", 0.0)
    for one in rollouts:
        assert sum(one.first) == pytest.approx(one.correct - 0.5, abs=1e-3)  # half of two continuations are right
        assert len(one.credit["cepo"]) == len(one.tokens)
        assert len(set(one.credit["grpo"])) == 1
        assert any(one.credit["opsd"])


def test_without_a_mixed_group_it_says_what_to_do(tiny_base, micro_data, tmp_path):
    with pytest.raises(DataError, match=r"^truth small/base/s1: no group of 2 rollouts to 2 problems is mixed; raise"):
        measure_truth(task(tiny_base, micro_data), tmp_path)
