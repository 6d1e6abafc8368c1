"""Sampling: presence penalty, cuts and draw against hand-made numbers and vLLM's definition."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from evals.sampling import Draw, PresencePenalty, noise, sampler

NEUTRAL = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "presence_penalty": 0.0, "max_new_tokens": 4}
LOGITS = torch.tensor([[0.2, 0.3, 0.5]]).log()


def drawn(uniform: float, logits: torch.Tensor = LOGITS) -> int:
    return int(
        Draw(torch.tensor([[uniform]], dtype=torch.float64), 1)(torch.zeros(1, 1, dtype=torch.long), logits).argmax()
    )


def survivors(settings: dict, logits: torch.Tensor, ids: torch.Tensor, barred: tuple = ()) -> torch.Tensor:
    """Log-probs just before the draw."""
    processors = sampler(NEUTRAL | settings, barred, torch.rand(len(logits), 4), 2)
    for processor in processors[:-1]:
        logits = processor(ids, logits)
    return logits.log_softmax(-1)


def test_presence_penalty_counts_a_token_once_and_no_prompt_token():
    ids = torch.tensor([[0, 1, 2, 2, 3]])  # prompt 0 1, response 2 2 3
    out = PresencePenalty(2.0, 2)(ids, torch.ones(1, 5))
    assert_close(out, torch.tensor([[1.0, 1.0, -1.0, -1.0, 1.0]]))


def test_presence_penalty_leaves_the_first_token_alone():
    scores = torch.randn(2, 5)
    assert_close(PresencePenalty(2.0, 3)(torch.zeros(2, 3, dtype=torch.long), scores), scores)


@pytest.mark.parametrize(
    ("uniform", "token"), [(0.0, 0), (0.1999, 0), (0.2001, 1), (0.4999, 1), (0.5001, 2), (0.9999, 2)]
)
def test_draw_inverts_the_distribution(uniform: float, token: int):
    assert drawn(uniform) == token


@given(st.floats(0, 1, exclude_max=True), st.lists(st.floats(-20, 20), min_size=2, max_size=8), st.data())
def test_draw_never_takes_a_barred_token(uniform: float, values: list[float], data: st.DataObject):
    barred = data.draw(st.sets(st.integers(0, len(values) - 1), max_size=len(values) - 1))
    logits = torch.tensor([[-math.inf if i in barred else v for i, v in enumerate(values)]])
    assert drawn(uniform, logits) not in barred


def test_draw_has_the_frequencies_of_softmax():
    grid = (torch.arange(10_000) + 0.5) / 10_000
    tokens = Draw(grid[:, None], 1)(torch.zeros(10_000, 1, dtype=torch.long), LOGITS.expand(10_000, 3)).argmax(-1)
    assert torch.bincount(tokens).tolist() == [2000, 3000, 5000]


def test_the_order_is_penalty_then_temperature_then_top_k():
    # Response holds token 0: 3 - 2 = 1. Divided by T = 0.5: 2, 4, 0, 1. The best two are 4 and 2.
    logits, ids = torch.tensor([[3.0, 2.0, 0.0, 0.5]]), torch.tensor([[9, 9, 0]])
    out = survivors({"presence_penalty": 2.0, "temperature": 0.5, "top_k": 2}, logits, ids)
    assert_close(out.exp(), torch.tensor([[1.0, math.e**2, 0.0, 0.0]]) / (1 + math.e**2))


def test_top_p_keeps_the_smallest_set_that_reaches_p():
    out = survivors({"top_p": 0.75}, LOGITS, torch.zeros(1, 2, dtype=torch.long))
    assert_close(out.exp(), torch.tensor([[0.0, 0.375, 0.625]]))


def test_barred_tokens_have_no_probability():
    out = survivors({}, LOGITS, torch.zeros(1, 2, dtype=torch.long), barred=(2,))
    assert_close(out.exp(), torch.tensor([[0.4, 0.6, 0.0]]))


def test_neutral_settings_change_nothing():
    logits = torch.randn(3, 7)
    assert_close(survivors({}, logits, torch.zeros(3, 2, dtype=torch.long)), logits.log_softmax(-1))


def test_temperature_zero_is_greedy():
    processors = sampler(NEUTRAL | {"temperature": 0.0, "top_k": 1}, (), torch.rand(1, 4), 2)
    scores = torch.tensor([[0.1, 0.7, 0.2]])
    assert_close(processors(torch.zeros(1, 3, dtype=torch.long), scores), scores)


def test_noise_of_a_sample_depends_on_nothing_but_seed_and_key():
    alone, together = noise("0/1", ["b"], 5), noise("0/1", ["a", "b", "c"], 5)
    assert torch.equal(alone[0], together[1])
    assert torch.equal(noise("0/1", ["b"], 3)[0], alone[0, :3])
    assert not torch.equal(noise("0/2", ["b"], 5), alone)
    assert len({row[0].item() for row in noise("0/1", [str(i) for i in range(1000)], 1)}) == 1000


def test_noise_is_uniform():
    values = noise("seed", [str(i) for i in range(200)], 50).flatten()
    assert values.min() >= 0 and values.max() < 1
    assert abs(values.mean() - 0.5) < 0.01 and abs(values.var() - 1 / 12) < 0.003
