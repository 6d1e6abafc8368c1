"""Which rollouts of a problem the positive and the negative model learn from, and which become a pair.

github.com/chenzhiling9954/Critical-Tokens-Matter @228991e, src/pipeline.py:63-128.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from numpy.random import Generator


@dataclass(frozen=True)
class ChosenRollouts:
    """Places among the rollouts of one problem."""

    right: int | None = None  # a rollout with the most frequent right answer
    wrong: list[int] = field(default_factory=list)  # one for each frequent wrong answer
    rejected: int | None = None  # the first of these: it makes a pair with ``right``


def choose(
    answers: Sequence[str | None], correct: Sequence[bool], wrong_share: float, rng: Generator
) -> ChosenRollouts:
    """Choose among the rollouts of one problem, by their answers; those without an answer are left out.

    Answers come in order of how often they were given, ties by chance; of each a rollout is drawn. Wrong answers count
    until they are ``wrong_share`` of all wrong rollouts; after the first, only those that were given more than once.
    """
    order = [place for place in rng.permutation(len(answers)).tolist() if answers[place]]
    by_answer: dict[str, list[int]] = {}
    for place in order:
        by_answer.setdefault(str(answers[place]), []).append(place)
    right, rejected, wrong = None, None, []
    needed = math.ceil(wrong_share * sum(not correct[place] for place in order))
    for places in sorted(by_answer.values(), key=len, reverse=True):
        drawn = places[int(rng.integers(len(places)))]
        if correct[drawn]:
            right = drawn if right is None else right
            continue
        rejected = drawn if rejected is None else rejected
        if needed > 0 and (not wrong or len(places) > 1):
            wrong.append(drawn)
            needed -= len(places)
    return ChosenRollouts(right, wrong, rejected)
