"""What vLLM says about the tokens that it sampled, against what the policy says about them."""

from __future__ import annotations

from math import inf, log, nan

import pytest
import torch
from torch import tensor
from torch.testing import assert_close

from contracts.errors import TrainError
from methods.engines.shared.responses import Responses, stacked
from methods.engines.shared.rollout_gap import compared, rollout_gap, sampler_logp


def test_positions_without_a_sampled_token_have_no_log_prob():
    told = sampler_logp([[-1.0, -2.0], [-0.5]], 3)
    assert_close(told, tensor([[-1.0, -2.0, nan], [-0.5, nan, nan]]), equal_nan=True)


@pytest.mark.parametrize("wrong", [nan, -inf])
def test_a_log_prob_that_is_no_number_is_refused(wrong: float):
    with pytest.raises(TrainError, match="vllm: it gave log-probs that are no finite numbers"):
        sampler_logp([[-1.0, wrong]], 4)


def test_mean_largest_and_divergence_by_hand():
    # differences 0, ln 2, -ln 2: mean 2/3 ln 2; exp(d) - 1 - d is 0, 1 - ln 2 and ln 2 - 1/2, together 1/2
    gap = rollout_gap(tensor([[0.0, log(2), nan], [-log(2), nan, nan]]))
    assert (gap.mean, gap.max, gap.kl) == pytest.approx((2 / 3 * log(2), log(2), 1 / 6))


def test_only_tokens_that_were_sampled_count():
    told = sampler_logp([[-1.0], [-2.0, -3.0]], 2)
    gap = compared(tensor([[-1.0, -99.0], [-2.0, -3.0005]]), told, "float32", "cure")
    assert_close(gap, tensor([[0.0, nan], [0.0, -0.0005]]), equal_nan=True, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("dtype", "policy", "cause"),
    [("float32", -1.002, "0.002 nats a token, allowed are 0.001"), ("bfloat16", -1.2, "0.2"), ("bfloat16", nan, "nan")],
)
def test_a_policy_that_did_not_sample_this_is_refused(dtype: str, policy: float, cause: str):
    with pytest.raises(TrainError, match=f"vllm: its log-probs differ from the policy's by {cause}.*; cure"):
        compared(tensor([[policy, -7.0]]), sampler_logp([[-1.0]], 2), dtype, "cure")


def test_bfloat16_may_differ_by_its_rounding():
    compared(tensor([[-1.05]]), sampler_logp([[-1.0]], 1), "bfloat16", "cure")


def some(gap: torch.Tensor | None, length: int) -> Responses:
    tokens = torch.ones((1, length), dtype=torch.long)
    return Responses(tokens, tokens.float(), *(torch.zeros(1, length),) * 2, tensor([0]), tensor([0.0]), gap)


def test_differences_stay_with_their_responses():
    joined = stacked([some(tensor([[0.5]]), 1), some(tensor([[0.25, nan]]), 2)])
    assert_close(joined.gap, tensor([[0.5, nan], [0.25, nan]]), equal_nan=True)
    assert stacked([some(None, 1), some(tensor([[0.25, nan]]), 2)]).gap is None
