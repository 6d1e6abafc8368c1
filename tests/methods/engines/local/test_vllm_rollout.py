"""Tokens that vLLM sampled become the responses, log-probs and entropies of the engine's own rollouts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from methods.base import Method
from methods.engines.local.experience import look_at, student_context
from methods.engines.local.policy import Policy
from methods.engines.local.sample import Sampling, roll_out
from methods.engines.local.teacher_weights import frozen
from methods.engines.local.train import train
from methods.engines.local.vllm.rollout import assemble, plain_prompt, score
from methods.engines.shared.problems import load_problems
from methods.engines.shared.prompts import Prompt
from methods.engines.shared.responses import Responses
from methods.engines.shared.settings import SharedSettings
from tests.helpers.moved_adapter import move_adapter
from tests.methods.engines.local.test_local_train import make_cell

METHOD = Method(max_response=12)


@pytest.fixture(scope="module")
def policy(tiny_base: Path) -> Policy:
    policy = Policy(tiny_base, METHOD, "cpu", "float32", seed=0)
    move_adapter(policy)
    return policy


@pytest.fixture(scope="module")
def prompts(policy: Policy, micro_data: Path) -> list[Prompt]:
    problems = load_problems(micro_data / "train.parquet")[:3]
    return [student_context(policy, METHOD, p, v) for p, v in zip(problems, look_at(policy, problems), strict=True)]


def samplings(prompts: list[Prompt]) -> list[Sampling]:
    longest = max(len(prompt.ids) for prompt in prompts)
    return [Sampling(1.3, 12, 4), Sampling(1.0, 12, 2, longest + 5), Sampling(1.0, 12, 2, longest + 5, True)]


@pytest.mark.parametrize("case", range(3))
def test_sampled_tokens_become_the_engines_own_responses(policy: Policy, prompts: list[Prompt], case: int):
    sampling = samplings(prompts)[case]
    with frozen(policy):
        own = roll_out(policy, prompts, sampling, 3, 256)
        sampled = [[*own.ids(row)] for row in range(len(own.tokens))]
        if sampling.cut_adds_end:  # the last token of a cut response was added, not sampled
            sampled = [ids[:-1] if ids[-1] == policy.pad_token else ids for ids in sampled]
        made = assemble(policy, prompts, sampling, sampled)
        contexts = [prompts[owner] for owner in made.owner.tolist()]
        logp, entropy, plain = score(policy, contexts, made, sampling.temperature, 5)
    for name in ("tokens", "mask", "owner", "truncated"):
        assert torch.equal(getattr(made, name), getattr(own, name)), name
    assert_close(logp, own.logp, atol=2e-5, rtol=0)
    assert_close(entropy, own.entropy, atol=2e-5, rtol=0)
    assert torch.allclose(plain, logp) == (sampling.temperature == 1.0)


def test_an_image_is_one_placeholder_and_its_features_are_the_policys(policy: Policy, prompts: list[Prompt]):
    image, plain = policy.config.image_token_id, plain_prompt(policy, prompts[0])
    vision = prompts[0].images[0]
    assert plain["ids"].count(image) == 1
    assert [i for i in plain["ids"] if i != image] == [i for i in prompts[0].ids if i != image]
    assert plain["features"].shape == (len(vision.tokens), vision.tokens.shape[1] * (1 + len(vision.deepstack)))
    assert plain["grid"] == [(1, 2 * vision.grid[0], 2 * vision.grid[1])]


def test_training_and_validation_ask_the_sampler_they_are_given(tiny_base: Path, micro_data: Path, tmp_path: Path):
    asked = []

    def sampler(policy: Policy, prompts: list[Prompt], sampling: Sampling, seed: int, size: int) -> Responses:
        asked.append((len(prompts), sampling.copies, size))
        return roll_out(policy, prompts, sampling, seed, size)

    options = {"steps": 2, "prompts": 3, "group_size": 4, "minibatch_prompts": 3, "max_response": 4}
    settings = SharedSettings(validation_problems=5, validate_every=2)
    files = (micro_data / "train.parquet", micro_data / "validation.parquet", tiny_base, tmp_path)
    train(make_cell("grpo", **options), *files, settings, sampler)
    assert asked == [(5, 1, 256), (3, 4, 256), (3, 4, 256), (5, 1, 256)]
