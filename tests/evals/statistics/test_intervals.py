"""Intervals: by hand, against scipy, by property, and by how often they cover the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evals.statistics.intervals import AVERAGE, accuracies, differences
from evals.statistics.panels import Panel


def single(*answers: float) -> Panel:
    """One seed, independent questions."""
    return Panel(np.array([answers], dtype=float), np.arange(len(answers)))


def drawn(seeds: int, questions: int, share: float, key: int = 0) -> Panel:
    values = np.random.default_rng(key).random((seeds, questions)) < share
    return Panel(values.astype(float), np.arange(questions))


@pytest.mark.parametrize("right", [0, 1, 37, 199, 200])
def test_accuracy_of_one_seed_is_wilsons_interval(right: int) -> None:
    found = accuracies({"b": single(*[1] * right, *[0] * (200 - right))})["b"]
    expected = stats.binomtest(right, 200).proportion_ci(method="wilson")
    assert found.value == right / 200
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.002)


def test_copies_of_a_question_add_nothing() -> None:
    answers = np.random.default_rng(0).random(30) < 0.4
    once = accuracies({"b": single(*answers)})["b"]
    tenfold = Panel(np.repeat(answers, 10)[None].astype(float), np.repeat(np.arange(30), 10))
    copied = accuracies({"b": tenfold})["b"]
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))
    assert copied.n == 300


def test_paired_difference_by_hand() -> None:
    # 6 questions only we answer, 2 only they do, 12 both or none: +4 of 20; variance (8/20 - 0.2**2) / 19
    ours = single(*[1] * 6, *[0] * 2, *[1] * 12)
    theirs = single(*[0] * 6, *[1] * 2, *[1] * 12)
    found = differences({"b": ours}, {"b": theirs})["b"]
    half = stats.t.ppf(0.975, 19) * ((8 / 20 - 0.04) / 19) ** 0.5
    assert found.value == pytest.approx(0.2)
    assert found.high - found.low == pytest.approx(2 * half, rel=1e-9)
    assert not found.excludes_zero


def test_pairing_is_narrower_than_independent_answers() -> None:
    ours = drawn(1, 200, 0.5)
    worse = Panel(ours.values * (np.arange(200) % 20 != 0), ours.clusters)  # the same, wrong on every 20th
    other = drawn(1, 200, 0.45, key=1)
    paired, unrelated = (differences({"b": ours}, {"b": side})["b"] for side in (worse, other))
    assert paired.excludes_zero
    assert paired.high - paired.low < 0.5 * (unrelated.high - unrelated.low)


def test_equal_models_are_not_certainly_equal() -> None:
    panel = drawn(1, 200, 0.0)
    found = differences({"b": panel}, {"b": panel})["b"]
    assert found.value == 0
    assert found.low < -0.01
    assert found.high > 0.01


def test_seeds_that_differ_widen_the_interval() -> None:
    quiet = Panel(np.tile(drawn(1, 200, 0.5).values, (3, 1)), np.arange(200))
    shares = np.array([0.3, 0.5, 0.7])[:, None]
    loud = Panel((np.random.default_rng(0).random((3, 200)) < shares).astype(float), np.arange(200))
    narrow, wide = (accuracies({"b": panel})["b"] for panel in (quiet, loud))
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_one_seed_against_three_uses_all_three() -> None:
    ours, base = {"b": drawn(3, 200, 0.6)}, {"b": drawn(1, 200, 0.3, key=1)}
    found = differences(ours, base)["b"]
    assert found.value == pytest.approx(ours["b"].values.mean() - base["b"].values.mean())
    assert (found.seeds, found.n) == (1, 200)


def test_average_weighs_benchmarks_equally() -> None:
    panels = {"small": single(1, 1, 0, 0), "large": single(*[1] * 30, *[0] * 10)}
    assert accuracies(panels)[AVERAGE].value == pytest.approx((0.5 + 0.75) / 2)
    other = {name: Panel(1 - panel.values, panel.clusters) for name, panel in panels.items()}
    assert differences(panels, other)[AVERAGE].value == pytest.approx((0.0 + 0.5) / 2)


def test_seeds_are_paired_by_their_number() -> None:
    effect = np.array([[0.3], [0.7]])
    answers = (np.random.default_rng(0).random((2, 200)) < effect).astype(float)
    ours, theirs = (Panel(answers, np.arange(200), (), seeds) for seeds in ((1, 2), (1, 2)))
    others = Panel(answers, np.arange(200), (), (3, 4))
    paired, unpaired = (differences({"b": ours}, {"b": side})["b"] for side in (theirs, others))
    assert paired.high - paired.low < 0.05 < unpaired.high - unpaired.low


def test_only_shared_benchmarks_are_compared() -> None:
    found = differences({"a": drawn(1, 20, 0.5), "b": drawn(1, 20, 0.5)}, {"b": drawn(1, 20, 0.5, 1)})
    assert set(found) == {"b", AVERAGE}
    assert differences({"a": drawn(1, 20, 0.5)}, {"b": drawn(1, 20, 0.5)}) == {}


def test_other_questions_are_refused() -> None:
    ours, theirs = (Panel(np.ones((1, 2)), np.arange(2), questions) for questions in (("p", "q"), ("p", "r")))
    with pytest.raises(ValueError, match="different questions"):
        differences({"b": ours}, {"b": theirs})


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(2, 40), st.integers(0, 999))
def test_swapping_the_sides_mirrors_the_interval(seeds: int, questions: int, key: int) -> None:
    ours, theirs = {"b": drawn(seeds, questions, 0.6, key)}, {"b": drawn(seeds, questions, 0.4, key + 1000)}
    there, back = (differences(a, b)["b"] for a, b in ((ours, theirs), (theirs, ours)))
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))
    assert -1 <= there.low <= there.value <= there.high <= 1


def test_many_seeds_agree_with_a_hierarchical_bootstrap() -> None:
    """With many seeds the interval is that of the percentiles when seeds and questions are resampled one by one."""
    effect = np.random.default_rng(3).normal(0, 0.15, 40)[:, None]
    values = (np.random.default_rng(4).random((40, 100)) < 0.5 + effect).astype(float)
    zero = {"b": Panel(np.zeros((40, 100)), np.arange(100))}
    found = differences({"b": Panel(values, np.arange(100))}, zero)["b"]
    generator = np.random.default_rng(5)
    means = [values[np.ix_(generator.integers(0, 40, 40), generator.integers(0, 100, 100))].mean() for _ in range(3000)]
    low, high = np.quantile(means, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.012)
