"""Credit: how well each method's credit finds the tokens that decide an answer, and whether that goes with accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.analysis import provenance
from evals.analysis.cells import Arm, read_arms, trained, with_scored_credit
from evals.analysis.comparison import Comparison, ComparisonRow, PlannedRow, by_scale, compare
from evals.analysis.credit_quality import FEWEST, MEASURES, Correlation, CreditMeasure, Quality, correlation, quality
from evals.analysis.published.numbers import load
from evals.analysis.rendering import tidy
from evals.analysis.rendering.captions import Words, title
from evals.analysis.rendering.cell_words import signed_two
from evals.analysis.rendering.document import write_document
from evals.analysis.rendering.layout import ABSENT, ColumnGroup, Entry, Part, TableSection, change
from evals.statistics.intervals import AVERAGE

BASE = "base"
PLACES = 6  # decimals of correlations in the .csv: digits far behind differ from one processor to the next
# Measures that accuracy may go with.
RELATED = (
    "auroc", "average_precision", "slip_auroc", "auroc_uncertain", "slip_auroc_uncertain", "slip_rate", "filler_rate",
)  # fmt: skip
CAPTION = [
    "A token's weight is its credit over the advantage of its rollout. Decisive tokens carry the problem's own content "
    "(a fact's number, a number read, an operator, a result), slips are wrong by themselves, filler is neither: read "
    "off each rollout's chain by a parser.",
    "AUROC and average precision (AP) of |weight \u2212 1| for decisive tokens; AUROC of the weight for slips among "
    "tokens of rollouts with a negative advantage: 1 blames slips first, 0.5 is chance.",
    "Uncertain: the policy's entropy at the token was above 0.2 nats. A token of which the policy is sure has hardly "
    "any gradient, whatever credit it gets, and any teacher leaves its weight near 1: what a teacher adds shows among "
    "uncertain tokens. Beside it the AUROC of the entropy itself, which needs no teacher.",
    "Rates: share of all credit over share of tokens; 1 is what uniform credit gives. Evidence within 0.01 nats of 0 "
    "counts as zero.",
    "GRPO's credit is uniform: it ranks no token, so its AUROC is absent, not 0.5. OPSD and SDPO give no credit; "
    "their rows score each token's divergence in nats, which has no sign and no neutral value.",
    "Means over the steps at which weights differ, of a few groups of each step (rollouts.parquet); over all steps "
    "where they never do.",
]

ORACLE = "oracle"
OF_ORACLE = (
    "The oracle leaves a weight of 1 to the tokens that it marks and 0 to all others: its AUROC and AP for decisive "
    "tokens, which rank by |weight \u2212 1|, are low by construction. Its rates and its AUROC for slips show what it "
    "does."
)


@dataclass(frozen=True)
class ScaleCredit:
    """The rows of one scale, each with its estimates by measure."""

    name: str
    model: str
    rows: list[tuple[ComparisonRow, Arm, dict[str, Quality]]]

    def related(self, measure: str) -> Correlation | None:
        """Of a measure with accuracy gained, over the arms that give credit; a divergence is another kind of number.

        The base of a scale is the same for all its arms, so gained or reached comes to the same.
        """
        return correlation(
            [
                (by[measure].value, row.accuracy[AVERAGE].value)
                for row, arm, by in self.rows
                if measure in by and AVERAGE in row.accuracy and arm.gives_credit
            ]
        )


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``credit`` as .md, .csv, .tex and .html to the folder ``out``; returns the paths.

    ``cells``: finished cell folders of one world; those without credit.jsonl are left out, and of the base only its
    scores are used. The paper has no such table. Raises DataError if a file is broken or no cell was trained.
    """
    arms = with_scored_credit(read_arms(cells))
    lines = {scale: _lines(members) for scale, members in by_scale(arms).items()}
    table = compare(lines, load(published))
    scales = [
        ScaleCredit(
            block.scale, block.model, [(row, row.arm, quality(row.arm)) for row in block.rows if row.arm is not None]
        )
        for block in table.blocks
    ]
    words = _words(trained(arms), table.world)
    related = [_correlations(scales)] if any(scale.related(m.key) for scale in scales for m in _related()) else []
    return write_document(out, "credit", words, [_qualities(scales), *related], _numbers(table, scales))


def _lines(arms: Sequence[Arm]) -> list[PlannedRow]:
    base = {arm.method: arm for arm in arms if arm.method == BASE}
    return [PlannedRow(arm.name, arm, base) for arm in arms if arm.method != BASE]


def _qualities(scales: Sequence[ScaleCredit]) -> Part:
    groups: dict[str, list[str]] = {}
    for measure in MEASURES:
        groups.setdefault(measure.group, []).append(measure.column)
    sections = [
        TableSection(
            f"{scale.name}: {scale.model}", [(row.name, [*_entries(by), _gain(row)]) for row, _, by in scale.rows]
        )
        for scale in scales
    ]
    columns = [ColumnGroup(name, each) for name, each in groups.items()]
    return Part("Quality of credit", [*columns, ColumnGroup("Accuracy", ["gained (points)"])], sections)


def _entries(by: Mapping[str, Quality]) -> list[Entry]:
    return [_entry(measure, by[measure.key]) if measure.key in by else Entry(ABSENT) for measure in MEASURES]


def _entry(measure: CreditMeasure, estimate: Quality) -> Entry:
    def shown(value: float) -> str:
        return f"{100 * value:.1f}" if measure.percent else f"{value:.3f}"

    if estimate.low is None or estimate.high is None:
        return Entry(shown(estimate.value))
    return Entry(shown(estimate.value), (f"[{shown(estimate.low)}, {shown(estimate.high)}]",))


def _gain(row: ComparisonRow) -> Entry:
    difference = row.versus.get(BASE, {}).get(AVERAGE)
    return change(difference) if difference else Entry(ABSENT)


def _correlations(scales: Sequence[ScaleCredit]) -> Part:
    known = [measure for measure in _related() if any(scale.related(measure.key) for scale in scales)]
    columns = [f"{measure.column} ({measure.group.split()[0].lower()})" for measure in known]
    rows = [(f"{scale.name}: {scale.model}", [_related_entry(scale.related(m.key)) for m in known]) for scale in scales]
    return Part(
        "Correlation with average accuracy gained",
        [ColumnGroup("Pearson's r over arms", columns)],
        [TableSection("Each scale by itself", rows)],
        "Scale",
    )


def _related() -> list[CreditMeasure]:
    return [measure for measure in MEASURES if measure.key in RELATED]


def _related_entry(related: Correlation | None) -> Entry:
    if related is None:
        return Entry(ABSENT)
    bold = related.low > 0 or related.high < 0
    low, high = signed_two(related.low), signed_two(related.high)
    return Entry(signed_two(related.value), (f"[{low}, {high}]", f"{related.arms} arms"), bold=bold)


def _words(arms: Sequence[Arm], world: str) -> Words:
    several = any(len(arm.seeds) > 1 for arm in arms)
    covers = "seeds" if several else "training steps only: another training run may differ by more"
    caption = [
        *CAPTION,
        *([OF_ORACLE] if any(arm.method == ORACLE for arm in arms) else []),
        f"95 % intervals over {covers}. {provenance.trained_with(arms)}",
        f"Correlations are over the arms of one scale that give credit, at least {FEWEST}; bold where the interval "
        "(Fisher) excludes 0. Arms share problems and base: this describes these arms, no more.",
        provenance.training(arms),
    ]
    return Words(title("credit", world), [sentence for sentence in caption if sentence], [], {})


def _numbers(table: Comparison, scales: Sequence[ScaleCredit]) -> tidy.pd.DataFrame:
    return tidy.frame(
        (line for scale in scales for row, arm, by in scale.rows for line in _measured(row, arm, by)),
        (line for scale in scales for line in _correlated(table.world, scale)),
    )


def _measured(row: ComparisonRow, arm: Arm, by: Mapping[str, Quality]) -> Iterator[tidy.Line]:
    common = tidy.arm_line(arm, row.name)
    for measure in MEASURES:
        if (one := by.get(measure.key)) is not None:
            line = {"quantity": f"credit: {measure.key}", "unit": "share" if measure.percent else ""}
            yield common | line | {"value": one.value, "low": one.low, "high": one.high}
    if gained := row.versus.get(BASE, {}).get(AVERAGE):
        yield common | {"benchmark": AVERAGE, "quantity": "difference to base", "unit": "points"} | tidy.numbers(gained)


def _correlated(world: str, scale: ScaleCredit) -> Iterator[tidy.Line]:
    for measure in _related():
        if (one := scale.related(measure.key)) is not None:
            line = {"world": world, "scale": scale.name, "model": scale.model, "row": f"{one.arms} arms"}
            line |= {"quantity": f"correlation of {measure.key} with accuracy gained", "source": "this run"}
            ends = {"value": one.value, "low": one.low, "high": one.high}
            yield line | {name: round(value, PLACES) for name, value in ends.items()}
