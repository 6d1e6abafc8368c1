"""Labels of steps, and which rollouts contrastive models learn from: by hand and by properties."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from methods.engines.local.prepared.choices import choose
from methods.engines.local.prepared.step_scorer import labels


def test_hard_labels_ask_for_one_right_continuation_and_soft_ones_for_their_share():
    """The label of what comes before a token: the prompt before the first, a line before the token after its end."""
    known = torch.tensor([[False, True, False, True, False], [True, False, False, False, False]])
    prefix = torch.tensor([[0, 0.25, 0, 0.0, 0], [1.0, 0, 0, 0, 0]])
    values = {"known": known, "prefix": prefix, "start": torch.tensor([0.5, 0.0])}
    there = [[1, 0, 1, 0, 1], [1, 1, 0, 0, 0]]
    hard, marked = labels(values, hard=True, width=5)
    assert (hard.tolist(), marked.tolist()) == ([[1, 0, 1, 0, 0], [0, 1, 0, 0, 0]], there)
    soft, marked = labels(values, hard=False, width=5)
    assert (soft.tolist(), marked.tolist()) == ([[0.5, 0, 0.25, 0, 0], [0, 1, 0, 0, 0]], there)


ANSWERS = ["5", "4", "4", "4", "3", "3", "7", None, "5", ""]
CORRECT = [a == "5" for a in ANSWERS]


def test_the_most_frequent_answers_are_chosen_until_half_of_the_wrong_ones_are_covered():
    """Six wrong rollouts have an answer; three of "4" are half of them, so "3" is not needed."""
    for seed in range(5):
        choice = choose(ANSWERS, CORRECT, 0.5, np.random.default_rng(seed))
        assert choice.right in (0, 8)
        assert [ANSWERS[place] for place in choice.wrong] == ["4"]
        assert choice.rejected == choice.wrong[0]
        more = choose(ANSWERS, CORRECT, 1.0, np.random.default_rng(seed))
        assert [ANSWERS[place] for place in more.wrong] == ["4", "3"]  # "7" was given once only


def test_nothing_is_chosen_where_nothing_is():
    assert choose(["5", "5"], [True, True], 0.5, np.random.default_rng(0)).rejected is None
    alone = choose([None, "4"], [False, False], 0.5, np.random.default_rng(0))
    assert (alone.right, alone.wrong, alone.rejected) == (None, [1], 1)


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["1", "2", "3", "4", None]), min_size=1, max_size=12), st.integers(0, 9))
def test_each_answer_at_most_once_and_every_choice_is_what_it_is_called(answers, seed):
    correct = [answer == "1" for answer in answers]
    choice = choose(answers, correct, 0.5, np.random.default_rng(seed))
    assert (choice.right is not None) == any(correct)
    assert all(not correct[place] and answers[place] for place in choice.wrong)
    assert len({answers[place] for place in choice.wrong}) == len(choice.wrong)
    wrong = [a for a, ok in zip(answers, correct, strict=True) if a and not ok]
    assert (choice.rejected is not None) == bool(wrong)
    if choice.rejected is not None:
        assert wrong.count(answers[choice.rejected]) == max(map(wrong.count, wrong))
