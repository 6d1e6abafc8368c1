"""AUROC by hand and by counting pairs."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from methods.shared.discrimination import auroc


def test_by_hand():
    score = torch.tensor([0.9, 0.5, 0.5, 0.1])
    assert auroc(score, torch.tensor([True, True, False, False])) == 0.875  # four pairs: 3 won, 1 tied
    assert auroc(score, torch.tensor([True] * 4)) is None


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=20))
def test_is_the_share_of_pairs_won(items):
    ours, theirs = ([float(s) for s, p in items if p is kind] for kind in (True, False))
    found = auroc(torch.tensor([float(s) for s, _ in items]), torch.tensor([p for _, p in items]))
    if not ours or not theirs:
        assert found is None
        return
    won = sum((a > b) + 0.5 * (a == b) for a in ours for b in theirs) / (len(ours) * len(theirs))
    assert abs(found - won) < 1e-12
