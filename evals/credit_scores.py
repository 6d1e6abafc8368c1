"""How well credit finds the tokens that decide an answer: ``credit.jsonl`` of a cell, from the rollouts it kept.

A token of which the policy was sure has hardly any gradient, whatever credit it gets, and gets a weight near 1 from any
teacher. So quality is also scored among uncertain tokens alone, and beside that of the policy's own entropy, which
needs no teacher.

A token's weight is its credit over the advantage of its rollout: 1 everywhere for GRPO. Where distributions are matched
there is no advantage and no weight; what is scored instead is the token's loss, and every line says which it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import groupby

import numpy as np
from jaxtyping import Bool, Float
from sklearn.metrics import average_precision_score

from contracts.rollouts import CreditLine, Label, Rollout, ScoredRollout
from methods.shared.discrimination import auroc

Fields = dict[str, float | int | None]  # some fields of a line

EVEN = 1e-6  # weights that differ by less are equal: rounding of float32
SAMPLED = 3  # problems of which a right and a wrong rollout are kept to look at
UNCERTAIN = 0.2  # nats; above this entropy of the policy a token is uncertain
BAND = 0.01  # nats; evidence within it moves a weight by less than 1 % and counts as zero


@dataclass(frozen=True)
class Tokens:
    """All tokens of one step that were trained on, one after the other."""

    weight: Float[np.ndarray, " N"]  # credit over advantage, or loss in nats
    credit: Float[np.ndarray, " N"]  # size of the credit or loss, without its sign
    negative: Bool[np.ndarray, " N"]  # of rollouts with a negative advantage
    decisive: Bool[np.ndarray, " N"]
    slipped: Bool[np.ndarray, " N"]
    entropy: Float[np.ndarray, " N"]  # nats; NaN where it was not kept

    def where(self, chosen: Bool[np.ndarray, " N"]) -> Tokens:
        """Some of the tokens."""
        return Tokens(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    @property
    def filler(self) -> Bool[np.ndarray, " N"]:
        """Tokens that are neither decisive nor slipped, the end-of-turn token among them."""
        return ~(self.decisive | self.slipped)


def score_rollouts(rollouts: Sequence[Rollout], label: Label | None) -> Iterator[CreditLine]:
    """Score each step, in order. ``label`` is None in a world whose chains cannot be read."""
    for step, group in groupby(sorted(rollouts, key=lambda row: row.step), key=lambda row: row.step):
        rows = list(group)
        line = score_step(step, rows, label)
        yield line.model_copy(update={"sample": list(draw_sample(rows, label))}) if step == 1 else line


def score_step(step: int, rows: Sequence[Rollout], label: Label | None) -> CreditLine:
    """Score one 1-based step."""
    trained = [row for row in rows if any(_got(row))]
    weighed = [row for row in trained if row.credit is None or row.advantage]  # a weight is a share of an advantage
    read = [(row, found) for row in weighed if label and (found := label(row.problem, row.tokens, row.truncated))]
    matched = any(row.divergence is not None for row in rows)
    line = CreditLine(
        step=step,
        measure="divergence" if matched else "credit",
        rollouts=len(trained),
        read=len(read) / len(weighed) if label and weighed else None,
    )
    found = _evidence([row for row in trained if row.evidence is not None])
    return line.model_copy(update=found | (_quality(_tokens(read), line.measure) if read else {}))


def draw_sample(rows: Sequence[Rollout], label: Label | None) -> Iterator[ScoredRollout]:
    """Pick the first right and the first wrong rollout (with a slip) of the first problems that have both.

    At the first step every cell of a seed is still the base model and samples the same responses, so the weights of
    several methods can be compared on them. Methods that match distributions have no weights and give no sample.
    """
    taken = 0
    for _, group in groupby(rows, key=lambda row: row.problem):
        found = [_sample(row, label) for row in group if row.credit is not None and row.advantage]
        right = next((one for one in found if one.correct), None)
        wrong = next((one for one in found if not one.correct and (label is None or any(one.slipped))), None)
        if right and wrong and taken < SAMPLED:
            taken += 1
            yield from (right, wrong)


def _sample(row: Rollout, label: Label | None) -> ScoredRollout:
    nothing = [False] * len(row.tokens)
    decisive, slipped = (label and label(row.problem, row.tokens, row.truncated)) or (nothing, nothing)
    return ScoredRollout(
        problem=row.problem,
        correct=row.correct,
        tokens=row.tokens,
        weights=[credit / row.advantage for credit in row.credit or ()],
        decisive=decisive,
        slipped=slipped,
        uncertain=[value > UNCERTAIN for value in row.entropy or ()],
    )


def _got(row: Rollout) -> list[float]:
    return (row.credit if row.credit is not None else row.divergence) or []


def _tokens(read: Sequence[tuple[Rollout, tuple[list[bool], list[bool]]]]) -> Tokens:
    got = [np.array(_got(row), dtype=float) for row, _ in read]
    by = [row.advantage if row.credit is not None else 1.0 for row, _ in read]
    negative = [np.full(len(row.tokens), row.credit is not None and row.advantage < 0) for row, _ in read]
    return Tokens(
        weight=np.concatenate([values / advantage for values, advantage in zip(got, by, strict=True)]),
        credit=np.abs(np.concatenate(got)),
        negative=np.concatenate(negative),
        decisive=np.concatenate([np.array(decisive) for _, (decisive, _) in read]),
        slipped=np.concatenate([np.array(slipped) for _, (_, slipped) in read]),
        entropy=np.concatenate([_known(row.entropy, len(row.tokens)) for row, _ in read]),
    )


def _known(values: Sequence[float] | None, length: int) -> Float[np.ndarray, " N"]:
    return np.full(length, np.nan) if values is None else np.array(values, dtype=float)


def _quality(tokens: Tokens, measure: str) -> Fields:
    """The fields of a line that need labels."""
    return {
        "tokens": len(tokens.weight),
        "decisive": _share(tokens.decisive),
        "slipped": _share(tokens.slipped),
        "filler": _share(tokens.filler),
        "average_precision": _ranked(average_precision_score, tokens.decisive, _deviation(tokens, measure)),
        **_rankings(tokens, measure),
        **_conditional(tokens, measure),
        "decisive_credit": _share(tokens.decisive, tokens.credit),
        "slip_credit": _share(tokens.slipped, tokens.credit),
        "filler_credit": _share(tokens.filler, tokens.credit),
    }


def _deviation(tokens: Tokens, measure: str) -> Float[np.ndarray, " N"]:
    """How far a token is set apart: the distance of its weight from 1, or its divergence."""
    return np.abs(tokens.weight - 1) if measure == "credit" else tokens.weight


def _rankings(tokens: Tokens, measure: str) -> Fields:
    """How well decisive tokens are set apart, and slips blamed in rollouts with a negative advantage."""
    blamed = tokens.where(tokens.negative)
    return {
        "auroc": _ranked(auroc, tokens.decisive, _deviation(tokens, measure)),
        "slip_auroc": _ranked(auroc, blamed.slipped, blamed.weight),
    }


def _by_entropy(tokens: Tokens) -> Fields:
    """The same by the policy's entropy."""
    blamed = tokens.where(tokens.negative)
    return {
        "entropy_auroc": _ranked(auroc, tokens.decisive, tokens.entropy),
        "entropy_slip_auroc": _ranked(auroc, blamed.slipped, blamed.entropy),
    }


def _conditional(tokens: Tokens, measure: str) -> Fields:
    """Rankings among uncertain tokens, and those of the entropy; nothing where a token's entropy was not kept."""
    if np.isnan(tokens.entropy).any():
        return {}
    uncertain = tokens.entropy > UNCERTAIN
    among = tokens.where(uncertain)
    narrowed = _rankings(among, measure) | _by_entropy(among)
    return {"uncertain": _share(uncertain)} | _by_entropy(tokens) | {f"{k}_uncertain": v for k, v in narrowed.items()}


def _ranked(
    measure: Callable[..., float | None], wanted: Bool[np.ndarray, " N"], by: Float[np.ndarray, " N"]
) -> float | None:
    """How well ``by`` ranks the wanted tokens first; None if all values are equal or all tokens are of one kind."""
    if len(by) == 0 or np.ptp(by) <= EVEN or wanted.all() or not wanted.any():
        return None
    found = measure(wanted, by)
    return None if found is None else float(found)


def _share(marked: Bool[np.ndarray, " N"], of: Float[np.ndarray, " N"] | None = None) -> float:
    weights = np.ones(len(marked)) if of is None else of
    return float(weights[marked].sum() / weights.sum())


def _evidence(rows: Sequence[Rollout]) -> Fields:
    """Shares of tokens with evidence for the right answer, with none, and with evidence against it."""
    values = np.concatenate([np.array(row.evidence, dtype=float) for row in rows]) if rows else np.zeros(0)
    if not len(values):
        return {}
    return {
        "evidence_positive": float((values > BAND).mean()),
        "evidence_zero": float((np.abs(values) <= BAND).mean()),
        "evidence_negative": float((values < -BAND).mean()),
    }
