"""Batches for tests of methods: random ones of any shape, and groups of rollouts written by hand."""

from __future__ import annotations

from dataclasses import replace

import torch

from methods.base import Method, Rollouts
from methods.shared.advantage import group_advantage
from methods.shared.references import Member

TOKENS = 11  # vocabulary size


def random_rollouts(seed: int, groups: int = 3, size: int = 4, length: int = 6) -> Rollouts:
    """Groups of mixed rewards and lengths; teachers "right", "wrong" and "peer", not all with a reference."""
    g = torch.Generator().manual_seed(seed)
    rows = groups * size
    lengths = torch.randint(1, length + 1, (rows,), generator=g)
    lengths[0] = length
    mask = (torch.arange(length) < lengths[:, None]).float()
    correct = torch.rand(rows, generator=g) < 0.5
    group = torch.arange(groups).repeat_interleave(size)
    logp = {n: -3 * torch.rand(rows, length, generator=g) * mask for n in ("student", "right", "wrong", "peer")}
    return Rollouts(
        group=group,
        reward=correct.float(),
        correct=correct,
        advantage=group_advantage(correct.float(), group),
        tokens=torch.randint(0, TOKENS, (rows, length), generator=g) * mask.long(),
        mask=mask,
        logp=logp,
        has={n: torch.rand(rows, generator=g) < 0.8 for n in ("right", "wrong", "peer")},
        seed=seed,
        entropy=torch.rand(rows, length, generator=g) * mask,
        labels=random_labels(mask, g),
        line_ends=(torch.rand(rows, length, generator=g) < 0.4) & mask.bool(),
    )


def with_values(method: Method, batch: Rollouts) -> Rollouts:
    """The batch with random values where ``method`` asks for them, as an engine would give them."""
    wanted = method.prefix_values()
    if wanted is None:
        return batch
    g = torch.Generator().manual_seed(batch.seed)
    known = wanted.mark(batch)
    assert known.dtype == torch.bool
    assert not (known & (batch.mask == 0)).any()
    prefix = torch.rand(batch.mask.shape, generator=g) * known
    start = torch.rand(len(batch.group.unique()), generator=g)[batch.group]
    return replace(batch, values={"known": known, "prefix": prefix, "start": start})


def with_services(method: Method, batch: Rollouts) -> Rollouts:
    """The batch with all that ``method`` asks the engine for: values, places in a tree, scores of a prepared model."""
    batch = with_values(method, batch)
    if method.rollout_tree() is not None:
        batch = replace(batch, leaf=torch.arange(len(batch.group)) % method.group_size)
    g = torch.Generator().manual_seed(batch.seed + 1)
    told: dict[str, torch.Tensor] = {}
    if method.prepared == "step_scorer":
        assert batch.line_ends is not None
        known = batch.line_ends & (torch.nn.functional.pad(batch.mask, (0, 1))[:, 1:] > 0)
        start = torch.rand(len(batch.group.unique()), generator=g)[batch.group]
        told = {"known": known, "prefix": torch.rand(batch.mask.shape, generator=g) * known, "start": start}
    elif method.prepared == "contrast":
        score, reference = (torch.rand(batch.mask.shape, generator=g) * batch.mask for _ in range(2))
        asked = batch.advantage[:, None] != 0
        told = {"score": score * asked, "reference": -3 * reference * asked}
    return replace(batch, prepared=told)


def random_labels(mask: torch.Tensor, g: torch.Generator) -> dict[str, torch.Tensor]:
    """One label for each token, except for the last rollout, which could not be read."""
    kind = torch.randint(0, 3, mask.shape, generator=g)
    read = mask * (torch.arange(len(mask)) < len(mask) - 1)[:, None]
    return {name: (kind == i).float() * read for i, name in enumerate(("decisive", "slipped", "filler"))}


def take(batch: Rollouts, rows: torch.Tensor) -> Rollouts:
    """The given rows, in the given order."""
    names = ("group", "reward", "correct", "advantage", "tokens", "mask", "entropy", "line_ends", "leaf")
    taken = {name: value[rows] for name in names if (value := getattr(batch, name)) is not None}
    dicts = {name: getattr(batch, name) for name in ("logp", "has", "labels", "values", "prepared")}
    return replace(batch, **taken, **{name: {k: v[rows] for k, v in d.items()} for name, d in dicts.items()})


def pad(batch: Rollouts, extra: int) -> Rollouts:
    """The same rollouts with ``extra`` more columns of padding."""
    wider = {name: _wider(getattr(batch, name), extra) for name in ("tokens", "mask", "entropy", "line_ends")}
    logp, labels = ({k: _wider(v, extra) for k, v in d.items()} for d in (batch.logp, batch.labels))
    values, prepared = (
        {k: _wider(v, extra) if v.dim() == 2 else v for k, v in d.items()} for d in (batch.values, batch.prepared)
    )
    return replace(batch, **wider, logp=logp, labels=labels, values=values, prepared=prepared)


def _wider(values: torch.Tensor, extra: int) -> torch.Tensor:
    return torch.nn.functional.pad(values, (0, extra))


def member(
    answer: str | None, correct: bool, reward: float | None = None, tokens: tuple[int, ...] = (1, 2, 3)
) -> Member:
    """A rollout for a chooser; the text boxes the answer, or ends before it could."""
    text = f"so the answer is \\boxed{{{answer}}}" if answer is not None else "so the answer is"
    return Member(answer, correct, float(correct) if reward is None else reward, tokens, text)


MIXED = [member("4", False), member("5", True), member("3", False), member("3", False)]
ALL_RIGHT = [member("5", True)] * 4
ALL_WRONG = [member("4", False), member(None, False), member("3", False), member("3", False)]
