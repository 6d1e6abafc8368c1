"""Sampling with the plain decoder against sampling with transformers' own layers: the same bits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from methods.base import Method
from methods.engines.local import sample
from methods.engines.local.decoding import PlainDecoder, decoder, fits
from methods.engines.local.experience import look_at, student_context
from methods.engines.local.passes import autocast
from methods.engines.local.policy import Policy
from methods.engines.local.sample import Sampling, roll_out
from methods.engines.local.teacher_weights import frozen, learning
from methods.engines.shared.problems import load_problems
from methods.engines.shared.prompts import Prompt
from tests.helpers.moved_adapter import move_adapter


@pytest.fixture(scope="module")
def policy(tiny_base: Path) -> Policy:
    policy = Policy(tiny_base, Method(), "cpu", "float32", seed=0)
    move_adapter(policy, 0.05)
    return policy


@pytest.fixture(scope="module")
def prompts(policy: Policy, micro_data: Path) -> list[Prompt]:
    problems = load_problems(micro_data / "train.parquet")[:3]
    return [student_context(policy, Method(), p, v) for p, v in zip(problems, look_at(policy, problems), strict=True)]


@pytest.mark.parametrize(("asked", "copies"), [(1, 1), (3, 1), (3, 8)])
def test_responses_have_the_bits_of_the_models_own_layers(
    policy: Policy, prompts: list[Prompt], monkeypatch: pytest.MonkeyPatch, asked: int, copies: int
):
    """An untrained model ends many responses early, so rows leave the caches as they do in training."""
    sampling = Sampling(1.0, 24, copies)
    with frozen(policy):
        plain = roll_out(policy, prompts[:asked], sampling, 5, 256)
        monkeypatch.setattr(sample, "decoder", lambda policy, last: policy.decode)
        theirs = roll_out(policy, prompts[:asked], sampling, 5, 256)
    for name in ("tokens", "mask", "logp", "entropy"):
        assert torch.equal(getattr(plain, name), getattr(theirs, name)), name


def test_other_passes_are_left_to_transformers(policy: Policy, tiny_base: Path):
    with frozen(policy):
        assert isinstance(decoder(policy, 100), PlainDecoder)
        with autocast(policy, "bfloat16"):
            assert not fits(policy)
    with torch.no_grad():
        assert decoder(policy, 100) == policy.decode  # LoRA apart from the weights
    with learning(policy):
        assert not fits(policy)
    with frozen(half := Policy(tiny_base, Method(), "cpu", "bfloat16", seed=0)):
        assert not fits(half)
