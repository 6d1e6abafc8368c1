"""References: what a teacher is shown and the student is not. Each chooser is a pure function of one group.

A chooser maps the G members of a group to one :class:`Reference` (or None) per member. Sources: CEPO section 3 and
Table 5; the released code's choices (verl/trainer/ray_trainer.py:562-746 of github.com/ahmedheakl/CEPO @7a9655d) and
the official SDPO code's (verl/trainer/ppo/ray_trainer.py:646-665 of github.com/lasgroup/SDPO @0e6d510) are options.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from numpy.random import Generator

from contracts.errors import DataError

Pick = Literal["first_min_reward", "modal_wrong", "random"]
Unboxed = Literal["skip", "none_str", "head50"]
Part = Literal["full", "prefix", "suffix"]


@dataclass(frozen=True)
class Member:
    """One rollout of a group, as a chooser sees it."""

    answer: str | None  # content of the last \boxed{}, None if there is none
    correct: bool
    reward: float
    tokens: tuple[int, ...]  # response ids through the end-of-turn token
    text: str  # the response decoded without special tokens


@dataclass(frozen=True)
class Reference:
    """What a teacher is shown: an answer as ``text``, or a rollout or part of one as ``tokens``."""

    text: str | None = None
    tokens: tuple[int, ...] | None = None


def right_answer(
    members: Sequence[Member], truth: str, rng: Generator, others: Sequence[str] = ()
) -> list[Reference | None]:
    """Show each member the ground truth: r+ of CEPO, RLSD and OPSD (CEPO section 3, answer/answer)."""
    return [Reference(text=truth)] * len(members)


def blank(members: Sequence[Member], truth: str, rng: Generator, others: Sequence[str] = ()) -> list[Reference | None]:
    """Show an empty answer, which inline is a single space token: the released RLSD baseline (ray_trainer.py:771)."""
    return [Reference(text="")] * len(members)


def other_problem(
    members: Sequence[Member], truth: str, rng: Generator, others: Sequence[str] = ()
) -> list[Reference | None]:
    """Show the group the ground truth of a random other problem, one that differs from its own. This is a control.

    Raises DataError if no other problem of the step has a different answer.
    """
    candidates = [other for other in others if other != truth]
    if not candidates:
        raise DataError("other_problem", "no other problem of this step has another answer", "raise `prompts`")
    return [Reference(text=candidates[int(rng.integers(len(candidates)))])] * len(members)


def wrong_answer(
    members: Sequence[Member],
    truth: str,
    rng: Generator,
    others: Sequence[str] = (),
    *,
    pick: Pick = "first_min_reward",
    unboxed: Unboxed = "skip",
    exclude_self: bool = False,
) -> list[Reference | None]:
    """Show the final answer of a wrong rollout, r- of CEPO; None if the group has no candidate.

    ``pick`` chooses among the wrong rollouts; the paper takes one with the lowest reward. ``unboxed`` says what happens
    to wrong rollouts without a boxed answer: ``"skip"`` leaves them out; ``"none_str"`` shows "None" as the released
    code does (ray_trainer.py:592-594, 658; such a rollout has the lowest reward); ``"head50"`` shows the first 50
    characters of the response. With ``exclude_self`` no member is shown its own answer.
    """
    shown = _wrong_answers(members, unboxed)
    chosen = _pick_for_each(members, list(shown), partial(_pick_wrong, members, shown, pick, rng), exclude_self)
    return [None if i is None else Reference(text=shown[i]) for i in chosen]


def right_rollout(
    members: Sequence[Member],
    truth: str,
    rng: Generator,
    others: Sequence[str] = (),
    *,
    part: Part = "full",
    k: int = 0,
    suffix_bug: bool = False,
    exclude_self: bool = False,
) -> list[Reference | None]:
    """Show the right rollout with the highest reward, or part of it; the ground truth if no rollout is right.

    Of equal rewards the first counts. Table 5 C-E; ray_trainer.py:601-609. ``k`` tokens for ``prefix`` and ``suffix``;
    see :func:`cut` for ``suffix_bug``.
    """
    candidates = [i for i, m in enumerate(members) if m.correct]
    chosen = _pick_for_each(members, candidates, lambda c: max(c, key=lambda i: members[i].reward), exclude_self)
    return [
        Reference(text=truth) if i is None else Reference(tokens=cut(members[i].tokens, part, k, suffix_bug))
        for i in chosen
    ]


def wrong_rollout(
    members: Sequence[Member],
    truth: str,
    rng: Generator,
    others: Sequence[str] = (),
    *,
    part: Part = "full",
    k: int = 0,
    suffix_bug: bool = False,
    pick: Pick = "first_min_reward",
    unboxed: Unboxed = "skip",
    exclude_self: bool = False,
) -> list[Reference | None]:
    """Show the wrong rollout whose answer :func:`wrong_answer` would show, or part of it (Table 5 B-E)."""
    shown = _wrong_answers(members, unboxed)
    chosen = _pick_for_each(members, list(shown), partial(_pick_wrong, members, shown, pick, rng), exclude_self)
    return [None if i is None else Reference(tokens=cut(members[i].tokens, part, k, suffix_bug)) for i in chosen]


def peer_demo(
    members: Sequence[Member], truth: str, rng: Generator, others: Sequence[str] = ()
) -> list[Reference | None]:
    """Show the first right rollout that is not the member's own; None if there is none (official SDPO)."""
    candidates = [i for i, m in enumerate(members) if m.correct]
    chosen = _pick_for_each(members, candidates, lambda c: c[0], exclude_self=True)
    return [None if i is None else Reference(tokens=members[i].tokens) for i in chosen]


def cut(tokens: tuple[int, ...], part: Part, k: int, suffix_bug: bool = False) -> tuple[int, ...]:
    """Return the first or the last ``k`` tokens, or all of them.

    ``suffix_bug``: a suffix of a rollout shorter than ``k`` is empty, as released (ray_trainer.py:622 slices from a
    negative start, counted from the end of a padded row much longer than ``k``).
    """
    if part == "full":
        return tokens
    if part == "prefix":
        return tokens[:k]
    return () if suffix_bug and len(tokens) < k else tokens[max(len(tokens) - k, 0) :]


def _wrong_answers(members: Sequence[Member], unboxed: Unboxed) -> dict[int, str]:
    """Map the index of each wrong rollout that may be picked to the answer that would be shown for it."""
    shown = {}
    for i, member in enumerate(members):
        if member.correct or (unboxed == "skip" and not member.answer):
            continue
        missing = "None" if unboxed == "none_str" else ""  # mathruler's extract_boxed_content says "None"
        answer = missing if member.answer is None else member.answer
        shown[i] = answer or member.text[:50]
    return shown


def _pick_wrong(
    members: Sequence[Member], shown: dict[int, str], pick: Pick, rng: Generator, candidates: Sequence[int]
) -> int:
    if pick == "random":
        return candidates[int(rng.integers(len(candidates)))]
    if pick == "modal_wrong":  # the most frequent answer; of equally frequent ones the first
        modal = Counter(shown[i] for i in candidates).most_common(1)[0][0]
        return next(i for i in candidates if shown[i] == modal)
    return min(candidates, key=lambda i: members[i].reward)


def _pick_for_each(
    members: Sequence[Member], candidates: Sequence[int], pick: Callable[[Sequence[int]], int], exclude_self: bool
) -> list[int | None]:
    """Pick once for the group, or with ``exclude_self`` for each member among the others; None without candidates."""
    if not exclude_self:
        return [pick(candidates) if candidates else None] * len(members)
    others = [[i for i in candidates if i != me] for me in range(len(members))]
    return [pick(rest) if rest else None for rest in others]
