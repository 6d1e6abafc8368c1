"""The measures of gradients against closed forms: decisions in a chain, a quadratic with known noise, two batches."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.statistics.gradient_signal import (
    GradientEstimate,
    difference,
    direction,
    estimate,
    products_of,
    products_of_gram,
    progress,
    ratio_estimate,
    samples,
    snr,
)
from tests.helpers.decision_chain import DecisionChain

GRPO, ORACLE = 0, 1


def value(found: GradientEstimate | None) -> float:
    assert found is not None
    return found.value


def test_two_batches_by_hand():
    # Method 0: (2, 0) and (1, 1); method 1: (0, 1) and (2, 1). Signals 2 and 1, powers (4 + 2) / 2 and (1 + 5) / 2.
    products = products_of(np.array([[[2.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [2.0, 1.0]]]))
    assert value(estimate(products, snr(0))) == pytest.approx(2 / (3 - 2))
    assert value(estimate(products, snr(1))) == pytest.approx(1 / (3 - 1))
    assert value(estimate(products, samples(1, 0))) == pytest.approx(2 / 0.5)
    # Pairs of different batches: (2, 0) . (2, 1) = 4 and (1, 1) . (0, 1) = 1, on average 2.5.
    assert value(estimate(products, direction(1, 0))) == pytest.approx(2.5 / math.sqrt(2 * 1))
    assert value(estimate(products, progress(1, 0))) == pytest.approx(2.5 / math.sqrt(3 * 2))
    found = estimate(products, snr(0))
    assert found is not None
    assert found.low is None
    assert found.high is None


def test_what_cannot_be_computed_is_absent():
    opposite = products_of(np.array([[[1.0], [1.0]], [[-1.0], [1.0]]]))
    assert estimate(opposite, snr(0)) is None
    assert estimate(opposite, samples(1, 0)) is None
    assert estimate(opposite, direction(1, 0)) is None
    assert estimate(opposite, progress(1, 0)) is None
    assert estimate(opposite, snr(1)) is None  # no noise at all: the ratio has no value
    assert estimate(opposite, difference(snr(0), snr(1))) is None
    assert ratio_estimate(opposite, snr(0)) is None
    with pytest.raises(ValueError, match="two at least"):
        products_of(np.ones((1, 2, 3))).mean()


def test_no_bounds_where_a_batch_decides_whether_there_is_a_signal():
    found = estimate(products_of(np.array([[[1.0]], [[2.0]], [[-0.5]]])), snr(0))
    assert found is not None
    assert found.value > 0
    assert found.low is None


@pytest.mark.parametrize("decisions", [1, 3, 10])
@pytest.mark.parametrize("accuracy", [0.2, 0.4])
def test_the_closed_form_of_the_chain_is_its_mean_over_all_outcomes(decisions, accuracy):
    chain = DecisionChain(decisions, accuracy)
    outcomes = np.array(np.meshgrid(*[[0, 1]] * decisions)).reshape(decisions, -1).T
    chance = np.where(outcomes == 1, chain.right, 1 - chain.right).prod(1)
    reward = outcomes.all(1)
    for oracle in (False, True):
        counted = reward[:, None] | (outcomes == 0) if oracle else np.ones_like(outcomes, dtype=bool)
        advantage = (reward - accuracy) / math.sqrt(accuracy * (1 - accuracy))
        gradients = advantage[:, None] * (outcomes - chain.right) * counted
        expected = (chance[:, None] * gradients).sum(0)
        assert chain.signal(oracle) == pytest.approx(expected @ expected)
        assert chain.power(oracle) == pytest.approx(chance @ (gradients**2).sum(1))


def test_the_oracle_sees_further_the_longer_the_chain():
    # At an accuracy of .4, one rollout: its cosine with the expected gradient grows by 1.41 and by 1.55.
    ratios = [DecisionChain(d, 0.4).cosine(True) / DecisionChain(d, 0.4).cosine(False) for d in (3, 10)]
    assert ratios == pytest.approx([1.41, 1.55], abs=0.005)


@pytest.mark.parametrize("decisions", [3, 10])
def test_the_estimates_find_the_chain(decisions):
    chain, rollouts = DecisionChain(decisions, 0.4), 8
    products = products_of(chain.draw(np.random.default_rng(0), 1000, rollouts))
    for oracle, method in ((False, GRPO), (True, ORACLE)):
        assert value(estimate(products, snr(method))) == pytest.approx(chain.snr(oracle, rollouts), rel=0.1)
    ratio = chain.snr(False, rollouts) / chain.snr(True, rollouts)
    found = ratio_estimate(products, samples(ORACLE, GRPO))
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < ratio < found.high < 0.5
    assert value(estimate(products, direction(ORACLE, GRPO))) == pytest.approx(1.0, abs=0.02)


def quadratic(rng: np.random.Generator, batches: int) -> np.ndarray:
    """Gradients of |x - (2, 0, 0, 0)|^2 / 2 at 0, unit noise in each of 4 coordinates, and turned by 60 degrees."""
    noise = rng.standard_normal((batches, 2, 4))
    noise[:, 1] = 0.8 * noise[:, 0] + 0.6 * noise[:, 1]  # the methods share most of their noise
    return noise + np.array([[2.0, 0.0, 0.0, 0.0], [1.0, math.sqrt(3), 0.0, 0.0]])


def test_the_estimates_find_the_quadratic():
    products = products_of(quadratic(np.random.default_rng(0), 1500))
    assert value(estimate(products, snr(0))) == pytest.approx(1.0, rel=0.05)  # |(2, 0, 0, 0)|^2 over 4 unit variances
    assert value(estimate(products, samples(1, 0))) == pytest.approx(1.0, rel=0.05)
    assert value(estimate(products, direction(1, 0))) == pytest.approx(0.5, abs=0.03)
    assert value(estimate(products, progress(1, 0))) == pytest.approx(0.5 * math.sqrt(0.5), abs=0.03)


@pytest.mark.parametrize(
    ("measure", "truth", "interval"),
    [
        (snr(0), 1.0, ratio_estimate),
        (samples(1, 0), 1.0, ratio_estimate),
        (direction(1, 0), 0.5, estimate),
        (progress(1, 0), 0.5 * math.sqrt(0.5), estimate),
        (difference(progress(1, 0), progress(0, 0)), -0.5 * math.sqrt(0.5), estimate),
    ],
)
def test_intervals_cover_the_truth(measure, truth, interval):
    rng, hits, drawn = np.random.default_rng(1), 0, 300
    for _ in range(drawn):
        found = interval(products_of(quadratic(rng, 24)), measure)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= truth <= found.high
    assert 0.90 <= hits / drawn <= 0.99


def test_paired_differences_are_tighter_than_two_intervals():
    products = products_of(quadratic(np.random.default_rng(2), 50))
    ours, theirs = snr(1), snr(0)
    found = [estimate(products, measure) for measure in (difference(ours, theirs), ours, theirs)]
    widths = [one.high - one.low for one in found if one and one.high is not None and one.low is not None]
    assert widths[0] < math.hypot(widths[1], widths[2])


def test_the_jackknife_is_that_of_the_definition():
    gradients = quadratic(np.random.default_rng(3), 7)
    found = estimate(products_of(gradients), direction(1, 0))
    left = np.array([value(estimate(products_of(np.delete(gradients, b, 0)), direction(1, 0))) for b in range(7)])
    error = math.sqrt(6 / 7 * ((left - left.mean()) ** 2).sum())
    assert found is not None
    assert found.high is not None
    assert found.high - found.value == pytest.approx(2.446912 * error, rel=1e-6)  # t with 6 degrees of freedom


def test_the_gram_matrix_is_enough():
    gradients = quadratic(np.random.default_rng(4), 5)
    gram = np.einsum("bmd,cnd->bmcn", gradients, gradients)
    for measure in (samples(1, 0), direction(1, 0)):
        ours, theirs = estimate(products_of_gram(gram), measure), estimate(products_of(gradients), measure)
        assert value(ours) == pytest.approx(value(theirs))


MEASURES = {"snr": snr(1), "samples": samples(1, 0), "direction": direction(1, 0), "progress": progress(1, 0)}


def agree(ours: np.ndarray, theirs: np.ndarray) -> None:
    """All four measures and their bounds are the same."""
    for measure in MEASURES.values():
        one, other = estimate(products_of(ours), measure), estimate(products_of(theirs), measure)
        assert (one is None) == (other is None)
        if one and other:
            assert one.value == pytest.approx(other.value, rel=1e-6)
            assert (one.low is None) == (other.low is None)
            if one.low is not None:
                assert one.low == pytest.approx(other.low, rel=1e-5, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 8), st.floats(1e-3, 1e3))
def test_scaling_a_method_permuting_batches_and_rotating_change_nothing(seed, batches, scale):
    rng = np.random.default_rng(seed)
    gradients = quadratic(rng, batches)
    agree(gradients, gradients * np.array([1.0, scale])[:, None])
    agree(gradients, gradients[rng.permutation(batches)])
    turn, _ = np.linalg.qr(rng.standard_normal((4, 4)))
    agree(gradients, gradients @ turn)
