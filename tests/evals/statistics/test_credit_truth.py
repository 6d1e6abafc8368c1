"""Agreement of credit and truth: by hand, and on simulated truths whose noise is known."""

from __future__ import annotations

import numpy as np
import pytest

from evals.statistics.credit_truth import (
    MeasuredTokens,
    correlation,
    explained,
    over_problems,
    rank_correlation,
    reliability,
)


def rollout(credit: list[float], first: list[float], second: list[float] | None = None) -> MeasuredTokens:
    return MeasuredTokens(
        "p", *(np.array(v, dtype=float) for v in (credit, first, first if second is None else second))
    )


def simulated(
    rng: np.random.Generator, along: float, noise: float, rollouts: int = 200, tokens: int = 40
) -> list[MeasuredTokens]:
    """Credit whose correlation with the true advantage is ``along``; ``noise`` in standard deviations of the truth."""
    made = []
    for place in range(rollouts):
        truth, other = rng.normal(size=(2, tokens))
        credit = along * truth + np.sqrt(1 - along**2) * other
        first, second = truth + noise * rng.normal(size=(2, tokens))
        made.append(MeasuredTokens(str(place // 2), 3.0 * credit + rng.normal(), first + rng.normal(), second))
    return made


def test_by_hand():
    """Credit (0, 1, 2) and truth (0, 2, 1): centred (-1, 0, 1) and (-1, 1, 0); their product is 1 of 2."""
    one = [rollout([0, 1, 2], [0, 2, 1])]
    assert correlation(one) == pytest.approx(0.5)
    assert explained(one) == pytest.approx(0.25)
    assert rank_correlation(one) == pytest.approx(0.5)
    assert reliability(one) == pytest.approx(1.0)


def test_only_what_varies_within_a_rollout_counts():
    """Between the rollouts credit and truth agree, within each of them they are opposed."""
    two = [rollout([0, 1], [1, 0]), rollout([10, 11], [11, 10])]
    assert correlation(two) == pytest.approx(-1.0)
    assert rank_correlation(two) == pytest.approx(-1.0)
    assert explained(two) == pytest.approx(1.0)


def test_uniform_credit_explains_nothing_and_ranks_nothing():
    uniform = [rollout([0.1] * 3, [0, 2, 1]), rollout([-0.7] * 3, [0, 1, 5])]
    assert explained(uniform) == 0.0
    assert correlation(uniform) is None
    assert rank_correlation(uniform) is None


def test_a_truth_that_is_only_noise_gives_no_number():
    opposed = [rollout([0, 1, 2], [0, 1, 0], [1, 0, 1])]
    assert (correlation(opposed), explained(opposed), rank_correlation(opposed)) == (None, None, None)


@pytest.mark.parametrize(("along", "noise"), [(0.6, 0.0), (0.6, 1.0), (-0.3, 1.5), (0.0, 1.0), (0.9, 2.0)])
def test_noise_of_the_truth_does_not_lower_what_is_found(along, noise):
    found = simulated(np.random.default_rng(1), along, noise)
    assert correlation(found) == pytest.approx(along, abs=0.07)
    assert explained(found) == pytest.approx(along**2, abs=0.09)
    ranked = 6 / np.pi * np.arcsin(along / 2)  # Spearman's of two normal variables
    assert rank_correlation(found) == pytest.approx(ranked, abs=0.09)
    assert reliability(found) == pytest.approx(1 / (1 + noise**2 / 2), abs=0.06)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    rng, held = np.random.default_rng(2), 0
    for _ in range(60):
        found = over_problems(simulated(rng, 0.5, 1.0, rollouts=24, tokens=20), correlation)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.5 <= found.high
    assert held >= 51  # 57 are expected; fewer happen in 1 of 100 trials


def test_too_few_problems_have_no_interval():
    found = over_problems([rollout([0, 1, 2], [0, 2, 1])], correlation)
    assert found is not None
    assert (found.low, found.high, found.problems) == (None, None, 1)
