"""What a trained cell keeps of its rollouts can be scored, whatever its method gave their tokens."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from contracts.rollouts import read_rollouts
from evals.credit_scores import score_rollouts


def third_is_decisive(problem: str, tokens: list[str], truncated: bool) -> tuple[list[bool], list[bool]]:
    """Labels of any response: each third token is decisive and each sixth a slip. Random chains have no other."""
    return [place % 3 == 0 for place in range(len(tokens))], [place % 6 == 0 for place in range(len(tokens))]


def check_scored(cell: Path, steps: int, credited: bool = True) -> None:
    """Score the kept rollouts of a cell folder: a line for each step, and every number in it finite.

    ``credited``: whether any token got credit or a loss; none does where every group is all right or all wrong.
    """
    with np.errstate(all="raise"):
        lines = list(score_rollouts(read_rollouts(cell / "rollouts.parquet"), third_is_decisive))
    assert [line.step for line in lines] == list(range(1, steps + 1))
    for line in lines:
        assert all(math.isfinite(value) for _, value in line if isinstance(value, float))
    assert any(line.rollouts for line in lines) == credited
