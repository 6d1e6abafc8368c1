"""Advantages from step scores: DeepSeekMath's recipe by hand and by walking over the tokens."""

from __future__ import annotations

import statistics

import torch
from hypothesis import given
from hypothesis import strategies as st

from methods.shared.step_rewards import normalised_step_rewards, steps_to_come, with_outcome


def test_a_group_of_two_rollouts_by_hand():
    """Steps score 0.5 and 1 (right), and 0 (wrong, one line): mean .5, standard deviation .5."""
    mask = torch.tensor([[1.0, 1, 1, 1], [1, 1, 0, 0]])
    known = torch.tensor([[False, True, False, False], [False, False, False, False]])
    scores, ends = with_outcome(known, torch.tensor([[0.0, 0.5, 0, 0], [0] * 4]), torch.tensor([1.0, 0.0]), mask)
    assert ends.int().tolist() == [[0, 1, 0, 1], [0, 1, 0, 0]]
    rewards = normalised_step_rewards(scores, ends, torch.tensor([0, 0]))
    torch.testing.assert_close(rewards, torch.tensor([[0.0, 0, 0, 1], [0, -1, 0, 0]]), atol=1e-5, rtol=0)
    credit = steps_to_come(rewards, mask)
    torch.testing.assert_close(credit, torch.tensor([[1.0, 1, 1, 1], [-1, -1, 0, 0]]), atol=1e-5, rtol=0)


def test_a_good_line_in_a_wrong_rollout_gets_more_than_what_follows_it():
    mask = torch.ones(2, 4)
    known = torch.tensor([[False, True, False, False], [False, True, False, False]])
    scores, ends = with_outcome(known, torch.tensor([[0, 0.9, 0, 0], [0, 0.6, 0, 0]]), torch.tensor([0.0, 1.0]), mask)
    credit = steps_to_come(normalised_step_rewards(scores, ends, torch.zeros(2, dtype=torch.long)), mask)
    assert credit[0, 0] > credit[0, 2]
    assert credit[0, 2] < 0 < credit[1, 0]


@given(st.integers(0, 2**31), st.integers(1, 4))
def test_equals_a_walk_over_steps_and_tokens(seed, groups):
    g = torch.Generator().manual_seed(seed)
    rows, length = 3 * groups, 6
    mask = (torch.arange(length) < torch.randint(1, length + 1, (rows,), generator=g)[:, None]).float()
    known = (torch.rand(rows, length, generator=g) < 0.4) & (mask > 0)
    reward, group = (torch.rand(rows, generator=g) < 0.5).float(), torch.arange(groups).repeat_interleave(3)
    scores, ends = with_outcome(known, torch.rand(rows, length, generator=g) * known, reward, mask)
    credit = steps_to_come(normalised_step_rewards(scores, ends, group), mask)
    for name in range(groups):
        own = [(r, t) for r in range(rows) for t in range(length) if group[r] == name and ends[r, t]]
        found = [float(scores[r, t]) for r, t in own]
        mean, std = statistics.mean(found), statistics.stdev(found)
        for r in (r for r in range(rows) if group[r] == name):
            for t in range(length):
                later = [(float(scores[r, e]) - mean) / (std + 1e-6) for row, e in own if row == r and e >= t]
                wanted = sum(later) * float(mask[r, t]) if std >= 1e-4 else 0.0
                assert abs(float(credit[r, t]) - wanted) < 1e-4


def test_steps_that_all_score_the_same_teach_nothing():
    ends = torch.tensor([[True, True], [False, True]])
    assert not normalised_step_rewards(torch.full((2, 2), 0.4), ends, torch.tensor([0, 0])).any()
    assert not normalised_step_rewards(torch.ones(1, 1), torch.ones(1, 1).bool(), torch.tensor([0])).any()
