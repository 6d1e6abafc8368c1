"""Gradients: signal, noise and direction of every arm's gradient on the same rollouts, and the verdicts on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from contracts.gradients import TARGET, GradientReport
from evals.analysis.claims.measuring import ClaimEvidence
from evals.analysis.claims.records import Gradients, load_claims
from evals.analysis.claims.verdicts import judge
from evals.analysis.display import listed_seeds
from evals.analysis.gradient_results import GradientNumber, MeasuredGradients, arm_name, read_measured, state_name
from evals.analysis.rendering.captions import Words, title
from evals.analysis.rendering.cell_words import MINUS
from evals.analysis.rendering.document import write_document
from evals.analysis.rendering.layout import ABSENT, ColumnGroup, Entry, Part, TableSection, number_entry
from evals.analysis.tables.claims import verdict_table

BASELINE = "grpo"
# Quantity of estimates.jsonl, whether it is compared with GRPO's, its column, and what excludes no difference.
COLUMNS: tuple[tuple[str, bool, str, float | None], ...] = (
    ("snr", False, "SNR of a batch", None),
    ("samples", True, "rollouts needed where GRPO needs 1", 1.0),
    ("direction", False, "direction", None),
    ("progress", False, "progress", None),
    ("progress_difference", True, "progress less GRPO's", 0.0),
)
CAPTION = [
    "The gradient of each method's first update, all on the same rollouts, without training. Signal: squared length of "
    "the expected gradient; SNR: signal over noise of one batch. Rollouts needed: SNR of GRPO over SNR of the row.",
    "Direction: cosine of the expected gradient with that of the policy gradient of accuracy. Progress: expected "
    "cosine of one batch's gradient with it. All without bias, from products of different batches; by chance an "
    "estimated cosine may pass 1.",
    "The oracle knows which tokens decide. Where it does not need fewer rollouts than GRPO, no method's lead could be "
    "seen either.",
    "Bold: the interval excludes 1 rollout, or a difference of 0. A dash: the signal is too weak for the number.",
]


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``gradients`` as .md, .csv, .tex and .html to the folder ``out``; returns the paths.

    Numbers are read from the folder ``gradients`` beside ``out``, claims from ``published``; ``cells`` are not needed.
    Raises DataError if no gradients were measured or a file is broken.
    """
    measured = read_measured(out.parent)
    world = measured.reports[0].world
    evidence = ClaimEvidence({}, measured.lines)
    judged = [judge(one, evidence) for one in load_claims(published).claims if isinstance(one.parts[0], Gradients)]
    return write_document(
        out, "gradients", _words(measured, world), [*_numbers(measured), verdict_table(judged, world)], _frame(measured)
    )


def _numbers(measured: MeasuredGradients) -> Iterator[Part]:
    """One part for each scale, with a section for each state."""
    for scale in dict.fromkeys(scale for scale, _ in measured.policies):
        sections = [_section(measured, *policy) for policy in measured.policies if policy[0] == scale]
        yield Part(f"Gradients, {scale}", [ColumnGroup("Each row's gradient", [c[2] for c in COLUMNS])], sections)


def _section(measured: MeasuredGradients, scale: str, state: str) -> TableSection:
    reports = measured.of_policy(scale, state)
    rows = [(arm_name(name), _entries(measured, scale, state, name)) for name in measured.arms(scale, state)]
    return TableSection(f"{reports[0].model_name}, {state_name(state)}", rows)


def _entries(measured: MeasuredGradients, scale: str, state: str, name: str) -> list[Entry]:
    found = [
        measured.number(scale, state, quantity, name, BASELINE if compared else None)
        for quantity, compared, _, _ in COLUMNS
    ]
    return [
        _entry(number, mark) if number else Entry("" if _is_itself(name, quantity) else ABSENT)
        for number, (quantity, compared, _, mark) in zip(found, COLUMNS, strict=True)
    ]


def _is_itself(name: str, quantity: str) -> bool:
    """GRPO is not compared with GRPO, nor the policy gradient's direction with its own."""
    return (name == BASELINE and quantity in ("samples", "progress_difference")) or (
        name == TARGET and quantity in ("direction", "progress")
    )


def _entry(number: GradientNumber, mark: float | None) -> Entry:
    def shown(value: float) -> str:
        text = f"{value:{'+' if mark == 0.0 else ''}.3f}"
        return "0.000" if text in ("+0.000", "-0.000") else text.replace("-", MINUS)

    return number_entry(number, shown, mark)


def _words(measured: MeasuredGradients, world: str) -> Words:
    seeds = measured.seeds
    several = len(seeds) > 1
    covers = "over seeds and batches" if several else "over the batches of one seed: another base model is not covered"
    caption = [
        *CAPTION,
        f"95 % intervals {covers}. Seed{'s' * several} {listed_seeds(seeds)}.",
        *(_facts(measured.of_policy(*policy)) for policy in measured.policies),
        "Verdicts on the claims about gradients stand below; those on accuracy are in the table of claims.",
    ]
    return Words(title("gradients", world), caption, [], {})


def _facts(reports: Sequence[GradientReport]) -> str:
    """Batches and rollouts of one policy, in words."""
    first, count = reports[0], len(reports)
    accuracy, mixed = (sum(getattr(one, name) for one in reports) / count for name in ("accuracy", "mixed"))
    of = "weights of all adapted layers" if first.differentiated == "folded" else "adapter"
    return (
        f"{first.scale}, {state_name(first.state)}: {first.batches} batches of {first.prompts} x {first.group_size} "
        f"rollouts, {100 * accuracy:.0f} % right, {100 * mixed:.0f} % of groups mixed; gradients of the {of}."
    )


def _frame(measured: MeasuredGradients) -> pd.DataFrame:
    """Every number of every seed, in long form."""
    columns = ["world", "scale", "model", "state", "seed", "method", "theirs", "quantity", "value", "low", "high", "n"]
    return pd.DataFrame(measured.long_form(), columns=columns)
