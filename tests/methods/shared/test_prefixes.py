"""Prefixes: where values are asked for, and advantages between them, by hand and by properties."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from methods.shared.prefixes import before_end, before_every, segment_advantage, uncertain, whitened


def test_a_rollout_of_two_lines_by_hand():
    mask = torch.tensor([[1.0, 1, 1, 1, 0]])
    known = torch.tensor([[False, True, False, False, False]])
    prefix = torch.tensor([[0.0, 0.75, 0, 0, 0]])
    got = segment_advantage(known, prefix, torch.tensor([0.5]), torch.tensor([1.0]), mask)
    assert got.tolist() == [[0.25, 0.25, 0.25, 0.25, 0.0]]
    wrong = segment_advantage(known, prefix, torch.tensor([0.5]), torch.tensor([0.0]), mask)
    assert wrong.tolist() == [[0.25, 0.25, -0.75, -0.75, 0.0]]


def by_loop(known, prefix, start, reward, length):
    """Advantages of one rollout, walking over its tokens."""
    result, before, waiting = [0.0] * len(known), start, []
    for t in range(length):
        waiting.append(t)
        end = t == length - 1
        if known[t] or end:
            after = reward if end else prefix[t]
            for place in waiting:
                result[place] = after - before
            before, waiting = after, []
    return result


@given(st.integers(0, 2**31), st.integers(1, 9), st.integers(1, 4))
def test_equals_a_walk_over_the_tokens_and_telescopes(seed, length, rows):
    g = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, length + 1, (rows,), generator=g)
    mask = (torch.arange(length) < lengths[:, None]).float()
    known = (torch.rand(rows, length, generator=g) < 0.5) & before_end(mask)
    prefix, start = torch.rand(rows, length, generator=g) * known, torch.rand(rows, generator=g)
    reward = (torch.rand(rows, generator=g) < 0.5).float()
    got = segment_advantage(known, prefix, start, reward, mask)
    for row in range(rows):
        own = [x[row].tolist() for x in (known, prefix)]
        wanted = by_loop(*own, float(start[row]), float(reward[row]), int(lengths[row]))
        torch.testing.assert_close(got[row], torch.tensor(wanted))
        ends = [t for t in range(int(lengths[row])) if known[row, t] or t == lengths[row] - 1]
        torch.testing.assert_close(got[row, ends].sum(), reward[row] - start[row])


def test_the_end_of_a_response_is_no_prefix():
    assert before_end(torch.tensor([[1.0, 1, 0], [1, 0, 0], [1, 1, 1]])).int().tolist() == [
        [1, 0, 0],
        [0] * 3,
        [1, 1, 0],
    ]


def test_cuts_lie_before_every_second_uncertain_token():
    logp = torch.tensor([[0.5, 0.95, 0.5, 0.5, 0.5, 0.5]]).log()
    marked = uncertain(logp, torch.tensor([[1.0, 1, 1, 1, 1, 0]]), 0.9)
    assert marked.int().tolist() == [[1, 0, 1, 1, 1, 0]]
    assert before_every(marked, 2).int().tolist() == [[0, 0, 1, 0, 0, 0]]  # before tokens 0 (the prompt) and 3
    assert before_every(marked, 1).int().tolist() == [[0, 1, 1, 1, 0, 0]]


@given(st.integers(0, 2**31))
def test_whitened_tokens_have_mean_0_and_variance_1_whatever_the_order(seed):
    g = torch.Generator().manual_seed(seed)
    mask = (torch.arange(5) < torch.tensor([5, 2, 3])[:, None]).float()
    values = torch.randn(3, 5, generator=g) * 7 + 3
    got = whitened(values, mask)
    assert (got[mask == 0] == 0).all()
    torch.testing.assert_close(got[mask > 0].mean(), torch.tensor(0.0), atol=1e-6, rtol=0)
    torch.testing.assert_close(got[mask > 0].std(), torch.tensor(1.0))
    order = torch.tensor([2, 0, 1])
    assert torch.equal(whitened(values[order], mask[order]), got[order])


def test_equal_values_and_single_tokens_become_0():
    assert whitened(torch.ones(1, 2), torch.ones(1, 2)).tolist() == [[0.0, 0.0]]
    assert whitened(torch.ones(1, 2), torch.tensor([[1.0, 0]])).tolist() == [[0.0, 0.0]]
