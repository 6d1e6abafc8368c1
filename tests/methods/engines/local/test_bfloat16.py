"""A base in bfloat16: what is computed in float32 all the same, and what is made in parts for a large vocabulary."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from methods.base import Method, load_method
from methods.engines.local import passes
from methods.engines.local.clock import Clock
from methods.engines.local.experience import Drawn, Gatherer
from methods.engines.local.passes import Chunk, autocast, chunks, token_logp
from methods.engines.local.policy import Policy
from methods.engines.local.sample import Sampling, roll_out
from methods.engines.local.teacher_weights import AdapterTeachers, learning
from methods.engines.local.update import matching_loss
from methods.engines.shared.problems import Problem, load_problems
from methods.engines.shared.prompts import Prompt
from methods.engines.shared.responses import Responses
from methods.shared.rewards import Grader
from tests.helpers.method_batches import random_rollouts
from tests.helpers.moved_adapter import move_adapter

METHOD = load_method("grpo", {"max_response": 12, "group_size": 4, "prompts": 2})


@pytest.fixture(scope="module")
def policy(tiny_base: Path) -> Policy:
    policy = Policy(tiny_base, METHOD, "cpu", "bfloat16", seed=0)
    move_adapter(policy)
    return policy


@pytest.fixture(scope="module")
def problems(micro_data: Path) -> list[Problem]:
    return load_problems(micro_data / "train.parquet")[:2]


@pytest.fixture(scope="module")
def drawn(policy: Policy, problems: list[Problem]) -> Drawn:
    with Grader() as grader:
        return gatherer(policy, grader).sample(problems, 0, 1, Clock())


def gatherer(policy: Policy, grader: Grader, **changed: object) -> Gatherer:
    return Gatherer(policy, METHOD, grader, AdapterTeachers(policy, set()), 1, **changed)  # pyright: ignore


def test_logits_are_a_product_in_float32(policy: Policy):
    hidden = torch.randn(3, policy.head_weight.shape[1], generator=torch.Generator().manual_seed(0)).bfloat16()
    logits = policy.logits(hidden)
    assert_close(logits, hidden.float() @ policy.head.weight.float().T, atol=1e-6, rtol=1e-6)
    assert not torch.equal(logits, logits.bfloat16().float())
    with autocast(policy, "bfloat16"):
        rounded = policy.logits(hidden)
    assert rounded.dtype == torch.float32 and torch.equal(rounded, rounded.bfloat16().float())


def test_the_head_of_a_float32_base_is_no_copy(tiny_base: Path):
    whole = Policy(tiny_base, METHOD, "cpu", "float32", seed=0)
    assert whole.head_weight.data_ptr() == whole.head.weight.data_ptr()


@pytest.mark.parametrize("score_dtype", ["float32", "bfloat16"])
def test_the_ratio_of_the_first_update_is_one(policy: Policy, drawn: Drawn, score_dtype: str):
    """Old log-probs are those of the same passes; those of the decoding loop would be rounded in another way."""
    method = load_method("grpo", {"max_response": 12, "group_size": 4, "prompts": 2, "score_dtype": score_dtype})
    with Grader() as grader:
        asked = gatherer(policy, grader)
        asked.method = method
        old = asked.score(drawn, 0, 1, Clock())
    rows = torch.arange(8)
    with autocast(policy, score_dtype), learning(policy):
        for chunk in chunks(policy, old.contexts, rows, old.responses, 1):
            length = chunk.mask.shape[1]
            ratio = (token_logp(policy, chunk, 1.0) - old.rollouts.logp["student"][chunk.rows, :length]).exp()
            assert torch.equal(ratio, torch.ones_like(ratio))
    assert not torch.equal(old.responses.logp, old.rollouts.logp["student"])


def test_rollouts_are_sampled_as_many_at_a_time_as_asked(policy: Policy, problems: list[Problem]):
    seen = []

    def sampler(policy: Policy, prompts: list[Prompt], sampling: Sampling, seed: int, size: int) -> Responses:
        seen.append(size)
        return roll_out(policy, prompts, sampling, seed, size)

    with Grader() as grader:
        gatherer(policy, grader, sampler=sampler, decoded=8).sample(problems, 0, 1, Clock())
        gatherer(policy, grader, sampler=sampler).sample(problems, 0, 1, Clock())
    assert seen == [8, 1]


@pytest.fixture(scope="module")
def chunk(policy: Policy) -> Chunk:
    batch = random_rollouts(0, groups=1)
    hidden = torch.randn(4, 6, policy.head_weight.shape[1], generator=torch.Generator().manual_seed(2))
    return Chunk(torch.arange(4), batch.tokens % len(policy.head_weight), batch.mask, hidden)


def loss_and_gradient(policy: Policy, method: Method, chunk: Chunk) -> tuple[torch.Tensor, torch.Tensor]:
    student = chunk.hidden.clone().requires_grad_()
    moved, batch = Chunk(chunk.rows, chunk.tokens, chunk.mask, student), random_rollouts(0, groups=1)
    if method.matches_distributions:
        loss = matching_loss(policy, method, batch, chunk.hidden.flip(0))(moved)[0] * chunk.mask
    else:
        loss = token_logp(policy, moved, 0.7)
    loss.sum().backward()
    assert student.grad is not None
    return loss.detach(), student.grad


@pytest.mark.parametrize(
    ("method", "options"),
    [("grpo", {}), ("opsd", {}), ("sdpo", {"divergence": "reverse_kl"}), ("sdpo", {"top_k": 3, "is_clip": 2.0})],
)
def test_parts_of_a_large_vocabulary_give_what_the_whole_gives(
    policy: Policy, chunk: Chunk, method: str, options: dict, monkeypatch: pytest.MonkeyPatch
):
    """Logits of two tokens at a time: the same losses, and the same gradients of the hidden states."""
    whole = loss_and_gradient(policy, load_method(method, options), chunk)
    monkeypatch.setattr(passes, "LOGITS_AT_ONCE", 2 * len(policy.head_weight))
    parts = loss_and_gradient(policy, load_method(method, options), chunk)
    for one, other in zip(whole, parts, strict=True):
        assert_close(other, one, atol=1e-5, rtol=1e-5)
