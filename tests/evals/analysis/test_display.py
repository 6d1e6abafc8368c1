"""Words of tables and figures."""

import pytest

from evals.analysis.display import listed_seeds


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ((), ""),
        ((4,), "4"),
        ((1, 2, 3), "1, 2 and 3"),
        ((1, 2, 3, 4), "1 to 4"),
        (tuple(range(6, 11)), "6 to 10"),
        ((1, 2, 3, 5), "1, 2, 3 and 5"),
        ((4, 3, 2, 1), "4, 3, 2 and 1"),
    ],
)
def test_seeds_that_follow_each_other_are_a_range_once_there_are_four(seeds: tuple[int, ...], words: str):
    assert listed_seeds(seeds) == words
