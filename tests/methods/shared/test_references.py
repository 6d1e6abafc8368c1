"""Choosers on groups written by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import DataError
from methods.shared import references
from methods.shared.references import Reference, cut
from tests.helpers.method_batches import ALL_RIGHT, ALL_WRONG, MIXED, member


def choose(chooser, members, truth="5", seed=0, others=("5", "7"), **options):
    return partial(chooser, **options)(members, truth, np.random.default_rng(seed), others)


def texts(*args, **options):
    return [r and r.text for r in choose(*args, **options)]


# accuracy_format rewards: right 1, wrong but boxed 0.1, unboxed 0
SCORED = [member("4", False, 0.1), member(None, False, 0.0), member("5", True, 1.0), member("3", False, 0.1)]


def test_everyone_sees_the_right_answer_or_nothing():
    assert texts(references.right_answer, ALL_WRONG) == ["5"] * 4
    assert texts(references.blank, ALL_WRONG) == [""] * 4


def test_the_paper_skips_unboxed_rollouts():
    assert texts(references.wrong_answer, SCORED) == ["4"] * 4
    assert texts(references.wrong_answer, [member(None, False), member("", False), member("5", True)]) == [None] * 3


def test_the_released_code_says_none_for_an_unboxed_rollout():
    assert texts(references.wrong_answer, SCORED, unboxed="none_str") == ["None"] * 4
    empty = [member("", False), member("5", True)]  # an empty box: the first 50 characters of the response
    assert texts(references.wrong_answer, empty, unboxed="none_str") == ["so the answer is \\boxed{}"] * 2


def test_head50_shows_the_start_of_an_unboxed_rollout():
    assert texts(references.wrong_answer, SCORED, unboxed="head50") == ["so the answer is"] * 4


def test_ties_go_to_the_first_and_lower_rewards_win():
    assert texts(references.wrong_answer, MIXED) == ["4"] * 4
    lowered = [*MIXED[:2], member("9", False, -1.0), MIXED[3]]
    assert texts(references.wrong_answer, lowered) == ["9"] * 4


def test_modal_wrong_takes_the_most_frequent_answer_and_the_first_of_equals():
    assert texts(references.wrong_answer, MIXED, pick="modal_wrong") == ["3"] * 4
    assert texts(references.wrong_answer, MIXED[:3], pick="modal_wrong") == ["4"] * 3


def test_random_picks_any_wrong_rollout_and_follows_the_generator():
    drawn = {texts(references.wrong_answer, MIXED, pick="random", seed=s)[0] for s in range(20)}
    assert drawn == {"4", "3"}
    assert texts(references.wrong_answer, MIXED, pick="random") == texts(references.wrong_answer, MIXED, pick="random")


def test_exclude_self_never_shows_a_rollout_its_own():
    assert texts(references.wrong_answer, MIXED, exclude_self=True) == ["3", "4", "4", "4"]
    alone = [member("5", True), member("4", False)]
    assert texts(references.wrong_answer, alone, exclude_self=True) == ["4", None]


@pytest.mark.parametrize("unboxed", ["skip", "none_str", "head50"])
def test_no_wrong_rollout_no_reference(unboxed):
    assert texts(references.wrong_answer, ALL_RIGHT, unboxed=unboxed) == [None] * 4
    assert choose(references.wrong_rollout, ALL_RIGHT, unboxed=unboxed) == [None] * 4


@given(st.lists(st.booleans(), min_size=1, max_size=8))
def test_reward_below_one_half_is_the_same_as_wrong_under_both_rewards(correct):
    for scale in (1.0, 0.9):
        group = [member(str(i), c, c * scale + (1 - scale)) for i, c in enumerate(correct)]
        assert [m.reward < 0.5 for m in group] == [not m.correct for m in group]


def test_full_rollouts_and_parts():
    group = [member("4", False, tokens=(1, 2, 3, 4)), member("5", True, tokens=(5, 6, 7))]
    assert choose(references.right_rollout, group) == [Reference(tokens=(5, 6, 7))] * 2
    assert choose(references.wrong_rollout, group) == [Reference(tokens=(1, 2, 3, 4))] * 2
    assert choose(references.right_rollout, group, part="prefix", k=2) == [Reference(tokens=(5, 6))] * 2
    assert choose(references.wrong_rollout, group, part="suffix", k=3) == [Reference(tokens=(2, 3, 4))] * 2
    assert choose(references.right_rollout, group[:1]) == [Reference(text="5")]  # no right rollout: the answer


def test_the_best_right_rollout_is_shown():
    group = [member("5", True, 0.9, (1,)), member("5", True, 1.0, (2,)), member("5", True, 1.0, (3,))]
    assert choose(references.right_rollout, group) == [Reference(tokens=(2,))] * 3
    assert choose(references.right_rollout, group, exclude_self=True)[1] == Reference(tokens=(3,))


def test_cut_by_hand():
    assert cut((1, 2, 3), "suffix", 2) == (2, 3)
    assert cut((1, 2, 3), "suffix", 9) == (1, 2, 3)
    assert cut((1, 2, 3), "suffix", 9, suffix_bug=True) == ()
    assert cut((1, 2, 3), "suffix", 3, suffix_bug=True) == (1, 2, 3)
    assert cut((1, 2, 3), "prefix", 9) == (1, 2, 3)
    assert cut((1, 2, 3), "full", 1) == (1, 2, 3)


def test_the_suffix_bug_is_what_slicing_a_padded_row_does():
    slab, k = 2048, 512
    for length in (1, 511, 512, 513, 2048):
        tokens = tuple(range(length))
        row = list(tokens) + [-1] * (slab - length)
        assert cut(tokens, "suffix", k, suffix_bug=True) == tuple(row[length - k : length])


def test_a_peer_is_the_first_other_right_rollout():
    group = [member("4", False, tokens=(1,)), member("5", True, tokens=(2,)), member("5", True, tokens=(3,))]
    assert [r and r.tokens for r in choose(references.peer_demo, group)] == [(2,), (3,), (2,)]
    assert [r and r.tokens for r in choose(references.peer_demo, group[:2])] == [(2,), None]


def test_another_problems_answer_differs_from_this_one():
    for seed in range(10):
        assert texts(references.other_problem, MIXED, seed=seed, others=("5", "7", "8"))[0] in {"7", "8"}
    with pytest.raises(DataError, match="no other problem of this step has another answer"):
        choose(references.other_problem, MIXED, others=("5",))
