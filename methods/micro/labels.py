"""Which tokens of a rollout decide its answer and which of them are wrong, known by reading its chain."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise

from methods.micro.demonstration import merge
from methods.micro.families import TRAINING
from methods.micro.parse import parse
from methods.micro.problems import find_problem
from methods.micro.solution_plan import Plan


def label(problem: str, tokens: Sequence[str], truncated: bool) -> tuple[list[bool], list[bool]] | None:
    """Decisive and slipped flags per token of a response to the training problem ``problem`` (its id).

    ``tokens`` are their texts; the end-of-turn token, last unless ``truncated``, is neither. None where the response
    leaves the grammar of demonstrations, so that nobody can say.
    """
    written = tokens if truncated else tokens[:-1]
    pieces = parse(_plan(problem), "".join(written))
    if pieces is None:
        return None
    ends = accumulate(map(len, written), initial=0)
    decisive, slipped = merge(pieces, list(pairwise(ends)))
    rest = [False] * (len(tokens) - len(written))
    return decisive + rest, slipped + rest


@lru_cache(maxsize=4096)
def _plan(problem: str) -> Plan:
    return find_problem(TRAINING, problem).plan
