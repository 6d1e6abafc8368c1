"""Scores of credit: by hand on two rollouts, and on chains of the micro world whose slips are known."""

from __future__ import annotations

from random import Random

import pytest

from contracts.rollouts import Rollout
from evals.credit_scores import score_rollouts, score_step
from methods.micro.data import draw_problems
from methods.micro.demonstration import Demonstration, chain, close
from methods.micro.families.training import TRAINING
from methods.micro.labels import label
from methods.micro.solution_plan import answer, draw_slip

TOKENS = ["add ", "9", "=", "7", "<|im_end|>"]
FLAGS = ([False, True, False, True, False], [False, False, False, True, False])  # decisive: 9 and 7; slipped: 7


def rollout(weights: list[float] | None, advantage: float = -2.0, **fields) -> Rollout:
    values = {"step": 1, "problem": "p", "member": 0, "correct": advantage > 0, "truncated": False, "tokens": TOKENS}
    credit = None if weights is None else [advantage * w for w in weights]
    values |= {"advantage": advantage, "credit": credit, "divergence": None, "evidence": None}
    return Rollout(**values | fields)


def known(problem: str, tokens: list[str], truncated: bool) -> tuple[list[bool], list[bool]] | None:
    return FLAGS if problem == "p" else None


def test_scores_by_hand():
    line = score_step(1, [rollout([1.0, 1.1, 1.05, 1.5, 1.0])], known)
    assert (line.measure, line.rollouts, line.read, line.tokens) == ("credit", 1, 1.0, 5)
    assert (line.decisive, line.slipped, line.filler) == (0.4, 0.2, 0.6)
    assert (line.auroc, line.average_precision, line.slip_auroc) == (1.0, 1.0, 1.0)
    assert line.slip_credit == pytest.approx(1.5 / 5.65)
    assert line.decisive_credit == pytest.approx(2.6 / 5.65)
    assert line.filler_credit == pytest.approx(3.05 / 5.65)
    assert line.evidence_positive is None


def test_uncertain_tokens_are_scored_apart_and_beside_the_entropy():
    # The filler in the middle has the largest weight, but the policy was sure of it.
    row = rollout([1.0, 1.1, 1.9, 1.5, 1.0], entropy=[0.3, 0.5, 0.1, 0.4, 0.2])
    line = score_step(1, [row], known)
    assert line.uncertain == 0.6  # 0.2 nats are not above 0.2
    assert line.auroc == pytest.approx(4 / 6)
    assert line.auroc_uncertain == 1.0
    assert (line.slip_auroc, line.slip_auroc_uncertain) == (0.75, 1.0)
    assert (line.entropy_auroc, line.entropy_auroc_uncertain) == (1.0, 1.0)
    assert (line.entropy_slip_auroc, line.entropy_slip_auroc_uncertain) == (0.75, 0.5)


def test_without_entropy_nothing_is_said_of_uncertain_tokens():
    line = score_step(1, [rollout([1.0, 1.1, 1.9, 1.5, 1.0]), rollout([1.0] * 5, entropy=[0.3] * 5)], known)
    assert (line.uncertain, line.auroc_uncertain, line.entropy_auroc) == (None, None, None)
    assert line.auroc is not None


def test_credit_below_the_advantage_counts_like_credit_above_it():
    line = score_step(1, [rollout([1.0, 0.5, 1.0, 0.8, 1.0])], known)
    assert line.auroc == 1.0
    assert line.slip_auroc == pytest.approx(0.25)  # 0.8 is above one of four


def test_uniform_credit_ranks_nothing_but_has_shares():
    line = score_step(1, [rollout([1.0] * 5), rollout([1.0] * 5, advantage=0.5)], known)
    assert (line.auroc, line.average_precision, line.slip_auroc) == (None, None, None)
    assert line.slip_credit == line.slipped == 0.2
    assert line.filler_credit == line.filler == 0.6


def test_a_divergence_is_scored_as_it_is():
    row = rollout(None, divergence=[0.0, 2.0, 0.0, 1.0, 1.0])
    line = score_step(1, [row], known)
    assert line.measure == "divergence"
    assert line.auroc == pytest.approx(5.5 / 6)
    assert line.slip_auroc is None  # no sign, so nothing is blamed
    assert line.slip_credit == 0.25


def test_what_was_not_trained_on_or_not_read_does_not_count():
    rows = [rollout([1.0, 2.0, 1.0, 2.0, 1.0]), rollout([1.0] * 5, advantage=0.0), rollout([3.0] * 5, problem="other")]
    line = score_step(1, rows, known)
    assert (line.rollouts, line.read, line.tokens, line.auroc) == (2, 0.5, 5, 1.0)


def test_credit_where_the_advantage_is_0_has_no_weight():
    # Methods that estimate values give credit in groups that are all right or all wrong, too.
    weighed, other = rollout([1.0, 2.0, 1.0, 2.0, 1.0]), rollout(None, advantage=0.0, credit=[0.5, 0.0, -0.5, 0.1, 0.0])
    line = score_step(1, [weighed, other], known)
    assert (line.rollouts, line.read, line.tokens, line.auroc) == (2, 1.0, 5, 1.0)
    assert score_step(1, [other], known).tokens is None


def test_without_a_parser_there_is_evidence_but_no_score():
    line = score_step(1, [rollout([1.0] * 5, evidence=[0.02, -0.02, 0.0, 0.01, -5.0])], None)
    shares = (line.evidence_positive, line.evidence_zero, line.evidence_negative)
    assert shares == pytest.approx((0.2, 0.4, 0.4))
    assert (line.read, line.tokens, line.auroc, line.slip_credit) == (None, None, None, None)


def test_no_rollout_that_was_trained_on():
    line = score_step(3, [rollout([1.0] * 5, advantage=0.0)], known)
    assert (line.step, line.rollouts, line.read, line.auroc) == (3, 0, None, None)


def test_one_line_a_step_in_order():
    rows = [rollout([1.0] * 5, step=step) for step in (2, 1, 2)]
    assert [(line.step, line.rollouts) for line in score_rollouts(rows, known)] == [(1, 1), (2, 2)]


def tokens_of(demonstration: Demonstration) -> list[str]:
    """A letter a token, then the end of the turn."""
    return [*demonstration.text, "<|im_end|>"]


def test_labels_of_the_micro_world_find_the_slip():
    for problem in draw_problems(list(TRAINING.values()), "train", 20, 1):
        slip = draw_slip(problem.plan, Random(1))  # noqa: S311
        written = close(chain(problem.plan, slip), str(answer(problem.plan, slip)), "boxed")
        found = label(problem.id, tokens_of(written), False)
        assert found is not None
        decisive, slipped = found
        assert len(decisive) == len(slipped) == len(written.text) + 1
        assert any(slipped) == (slip is not None)
        assert not decisive[-1]
        assert label(problem.id, [*written.text], True) == (decisive[:-1], slipped[:-1])


@pytest.mark.parametrize("tokens", [["<|im_end|>"], [*"nonsense", "<|im_end|>"], ["\ufffd", "<|im_end|>"]])
def test_what_leaves_the_grammar_has_no_labels(tokens):
    (problem,) = draw_problems(list(TRAINING.values()), "train", 1, 1)
    assert label(problem.id, tokens, False) is None
