"""Truth: how well every method's credit agrees with the measured advantage of every token of the same rollouts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from contracts.truth import LABELS
from evals.analysis.display import listed_seeds
from evals.analysis.gradient_results import GradientNumber, state_name
from evals.analysis.rendering.captions import Words, title
from evals.analysis.rendering.cell_words import MINUS, signed_two
from evals.analysis.rendering.document import write_document
from evals.analysis.rendering.layout import ColumnGroup, Entry, Part, TableSection, number_entry
from evals.analysis.truth_results import MeasuredTruth, read_measured_truth, row_name

# Quantity of estimates.jsonl, its column, and whether it is a share.
COLUMNS: tuple[tuple[str, str, bool], ...] = (
    ("rank_correlation", "rank correlation", False),
    ("correlation", "correlation", False),
    ("explained", "variance explained (%)", True),
)
CAPTION = [
    "The advantage of a token is the policy's probability of a right answer after the token less that before it, each "
    "estimated by continuations. Credit is compared with it from token to token within a rollout: a right and a wrong "
    "rollout of each problem that has both.",
    "All three are corrected for the noise of the truth. It was measured twice, and products of the two hold no noise "
    "on average. By chance a corrected correlation may pass 1, and a share fall below 0.",
    "Uniform credit ranks no token of a rollout and explains none of the variance within it: a dash and 0.",
    "A method that matches distributions gives no credit; compared is the advantage that its loss amounts to at each "
    "sampled token.",
]
ABOUT_LABELS = "Labels of tokens: 1 at a decisive token, \u22121 at a slip, 0 at filler."


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``truth`` as .md, .csv, .tex and .html to the folder ``out``; returns the paths.

    Numbers are read from the folder ``truth`` beside ``out``; ``cells`` and ``published`` are not needed. Raises
    DataError if nothing was measured or a file is broken.
    """
    measured = read_measured_truth(out.parent)
    parts = [
        Part(
            f"Agreement with the advantage of tokens, {scale}",
            [ColumnGroup("Credit and advantage", [column for _, column, _ in COLUMNS])],
            [_section(measured, scale, state) for of, state in measured.policies if of == scale],
        )
        for scale in dict.fromkeys(scale for scale, _ in measured.policies)
    ]
    return write_document(out, "truth", _words(measured), parts, pd.DataFrame(measured.long_form()))


def agreement_entry(number: GradientNumber | None, share: bool = False) -> Entry:
    """A correlation, or a share in percent, over its interval; bold where the interval excludes 0."""

    def shown(value: float) -> str:
        return f"{100 * value:z.1f}".replace("-", MINUS) if share else signed_two(value)

    return number_entry(number, shown, 0.0)


def _section(measured: MeasuredTruth, scale: str, state: str) -> TableSection:
    rows = [
        (
            row_name(name),
            [agreement_entry(measured.number(scale, state, quantity, name), share) for quantity, _, share in COLUMNS],
        )
        for name in measured.rows(scale, state)
    ]
    return TableSection(f"{measured.of_policy(scale, state)[0].model_name}, {state_name(state)}", rows)


def _words(measured: MeasuredTruth) -> Words:
    first = measured.reports[0]
    seeds = measured.seeds
    several = len(seeds) > 1
    covers = "over seeds" if several else "over the problems of one seed: another base model is not covered"
    labelled = [ABOUT_LABELS] if any(line.method == LABELS for line in measured.lines) else []
    facts = [_facts(measured, *policy) for policy in measured.policies]
    seen = f"95 % intervals {covers}; bold where they exclude 0. Seed{'s' * several} {listed_seeds(seeds)}."
    return Words(title("truth", first.world), [*CAPTION, *labelled, seen, *facts], [], {})


def _facts(measured: MeasuredTruth, scale: str, state: str) -> str:
    reports = measured.of_policy(scale, state)
    first, reliability = reports[0], measured.reliability(scale, state)
    share = "" if reliability is None else f"; {100 * reliability:.0f} % of the measured variance is no noise"
    return (
        f"{scale}, {state_name(state)}: {sum(r.tokens for r in reports)} tokens of {sum(r.rollouts for r in reports)} "
        f"rollouts, {first.continuations} continuations of each prefix{share}."
    )
