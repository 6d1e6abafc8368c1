"""Two sides with different seeds are compared on those that both have."""

from __future__ import annotations

import numpy as np
import pytest

from evals.statistics.intervals import AVERAGE, differences
from evals.statistics.panels import Panel

QUESTIONS = tuple("abcd")


def panel(rows: dict[int, list[float]]) -> Panel:
    return Panel(np.array(list(rows.values())), np.arange(4), QUESTIONS, tuple(rows))


LUCKY, PLAIN = [1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 1.0, 0.0]


def test_seeds_that_only_one_side_has_are_left_out():
    ours = panel({2: PLAIN, 3: LUCKY})
    theirs = panel({1: LUCKY, 3: PLAIN, 2: PLAIN})
    found = differences({"mmmu": ours}, {"mmmu": theirs})[AVERAGE]
    assert found == differences({"mmmu": ours}, {"mmmu": panel({2: PLAIN, 3: PLAIN})})[AVERAGE]
    assert (found.value, found.seeds) == (pytest.approx(0.25), 2)  # seed 2: 0, seed 3: one half


def test_without_a_shared_seed_they_are_independent():
    found = differences({"mmmu": panel({1: LUCKY})}, {"mmmu": panel({2: PLAIN})})[AVERAGE]
    assert (found.value, found.seeds) == (pytest.approx(0.5), 1)
