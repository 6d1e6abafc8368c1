"""Learning-rate factors and lambda by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from methods.base import load_method
from methods.shared.schedule import lam_at, lr_factor


def test_warm_up_reaches_the_peak_on_its_last_step():
    assert [lr_factor(s, 50, "constant", 5) for s in range(7)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1, 1])


def test_cosine_starts_at_the_peak_and_ends_above_zero():
    # 4 steps after the warm-up: cos at 0, pi/4, pi/2, 3 pi/4
    factors = [lr_factor(s, 6, "cosine", 2) for s in range(6)]
    assert factors == pytest.approx([0.5, 1, 1, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2])


@given(st.integers(1, 200), st.integers(0, 20), st.sampled_from(["cosine", "constant"]))
def test_every_step_learns_and_none_exceeds_the_peak(steps, warmup, schedule):
    assert all(0 < lr_factor(s, steps, schedule, warmup) <= 1 for s in range(steps))


def test_lambda_clocks_as_released():
    # CEPO: 0.5 at the first step, 0.02 at the 25th, 0 at the 26th; RLSD one tick earlier
    cepo = [lam_at(s, 0.5, "linear", 25, "from_zero") for s in range(50)]
    rlsd = [lam_at(s, 0.5, "linear", 25, "from_one") for s in range(50)]
    assert (cepo[0], cepo[24], cepo[25]) == pytest.approx((0.5, 0.02, 0.0))
    assert (rlsd[0], rlsd[23], rlsd[24]) == pytest.approx((0.48, 0.02, 0.0))
    assert (sum(cepo), rlsd[:-1]) == (pytest.approx(6.5), cepo[1:])
    assert lam_at(49, 0.5, "constant", 25, "from_zero") == 0.5


def test_teachers_are_needed_while_lambda_is_positive():
    assert [load_method("cepo", {}).needs_teachers(s) for s in (0, 24, 25, 49)] == [True, True, False, False]
    assert [load_method("cepo", {"lam": 0.0}).needs_teachers(s) for s in (0, 24)] == [False, False]
    assert [load_method("opsd", {}).needs_teachers(s) for s in (0, 49)] == [True, True]
