"""Dynamic sampling: groups that are all right or all wrong give way to groups of problems drawn afresh (DAPO)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from methods.engines.local.clock import Clock
from methods.engines.local.experience import Drawn, Gatherer
from methods.engines.shared.problems import Problem
from methods.engines.shared.responses import Responses, stacked
from methods.shared import seeding


def draw_until_mixed(
    gatherer: Gatherer, problems: Sequence[Problem], rows: Sequence[int], step: int, seed: int, clock: Clock
) -> Drawn:
    """Rollouts of ``problems[rows]``, each group that is not mixed replaced, up to ``method.draws()`` draws in all.

    Further problems come in an order drawn for the step, none twice. Groups that could not be replaced stay, last.
    ``extra_tokens`` counts the response tokens of the groups that were given up.
    """
    drawn = gatherer.sample([problems[r] for r in rows], step, seed, clock)
    left = further_problems(len(problems), rows, seed, step)
    given_up = drawn.extra_tokens or 0
    for draw in range(1, gatherer.method.draws()):
        mixed = mixed_groups(drawn)
        missing = min(len(drawn.problems) - len(mixed), len(left))
        if missing == 0:
            break
        fresh, left = left[:missing], left[missing:]
        more = gatherer.sample(
            [problems[r] for r in fresh], step, seeding.stream(seed, "redraw", draw), clock, "redraw"
        )
        drawn, lost = joined(drawn, mixed, more, mixed_groups(more))
        given_up += lost + (more.extra_tokens or 0)
    return replace(drawn, extra_tokens=given_up) if gatherer.method.draws() > 1 else drawn


def further_problems(total: int, rows: Sequence[int], seed: int, step: int) -> list[int]:
    """The other rows of the training data, in an order drawn for 0-based ``step``."""
    taken = set(rows)
    order = seeding.generator(seed, "redraw", step).permutation(total).tolist()
    return [row for row in order if row not in taken]


def mixed_groups(drawn: Drawn) -> list[int]:
    """Places of the problems that have right and wrong rollouts."""
    size = len(drawn.members) // len(drawn.problems)
    right = torch.tensor([m.correct for m in drawn.members]).view(-1, size).float().mean(1)
    return ((right > 0) & (right < 1)).nonzero()[:, 0].tolist()


def joined(drawn: Drawn, mixed: Sequence[int], more: Drawn, more_mixed: Sequence[int]) -> tuple[Drawn, int]:
    """As many groups as ``drawn`` has: its mixed ones, those of ``more``, then others; and the tokens left out."""
    others = [(drawn, place) for place in range(len(drawn.problems)) if place not in mixed]
    order = [*((drawn, place) for place in mixed), *((more, place) for place in more_mixed), *others]
    kept, size = order[: len(drawn.problems)], len(drawn.members) // len(drawn.problems)
    responses = stacked([_rows(part, place, size) for part, place in kept])
    total = int(drawn.responses.mask.sum() + more.responses.mask.sum())
    chosen = Drawn(
        [part.problems[place] for part, place in kept],
        [part.visions[place] for part, place in kept],
        [part.prompts[place] for part, place in kept],
        responses,
        [m for part, place in kept for m in part.members[place * size : (place + 1) * size]],
        drawn.timeouts + more.timeouts,
        _sum(drawn.other_grader, more.other_grader),
    )
    return chosen, total - int(responses.mask.sum())


def _rows(part: Drawn, place: int, size: int) -> Responses:
    """The responses to one problem, as if it were the only one."""
    rows, r = slice(place * size, (place + 1) * size), part.responses
    owner = torch.zeros_like(r.owner[rows])
    gap = None if r.gap is None else r.gap[rows]
    return Responses(r.tokens[rows], r.mask[rows], r.logp[rows], r.entropy[rows], owner, r.truncated[rows], gap)


def _sum(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second
