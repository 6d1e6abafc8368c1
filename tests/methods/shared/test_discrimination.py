"""AUROC by hand, by counting pairs, and against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from methods.shared.discrimination import auroc

ITEMS = st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=20)


def arrays(items: list[tuple[bool, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([kind for kind, _ in items]), np.array([float(score) for _, score in items])


def test_by_hand():
    score = np.array([0.9, 0.5, 0.5, 0.1])
    assert auroc(np.array([True, True, False, False]), score) == 0.875  # four pairs: 3 won, 1 tied
    assert auroc(np.array([True] * 4), score) is None


@given(ITEMS)
def test_is_the_share_of_pairs_won(items):
    positive, score = arrays(items)
    ours, theirs = score[positive], score[~positive]
    if not len(ours) or not len(theirs):
        assert auroc(positive, score) is None
        return
    won = sum((a > b) + 0.5 * (a == b) for a in ours for b in theirs) / (len(ours) * len(theirs))
    assert auroc(positive, score) == pytest.approx(won, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_is_what_scikit_learn_gives(seed: int):
    draw = np.random.default_rng(seed)
    positive, score = draw.random(800) < 0.3, draw.normal(size=800).round(seed)
    assert auroc(positive, score) == pytest.approx(roc_auc_score(positive, score), abs=1e-12)
