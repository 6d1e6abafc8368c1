"""Table 1: what every system uses, leaks, costs and gains, as measured, with the paper's own ticks beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from evals.analysis import provenance
from evals.analysis.cells import Arm, read_arms, trained
from evals.analysis.comparison import Comparison, ComparisonRow, PlannedRow, by_scale, compare
from evals.analysis.published.numbers import Published, SystemTicks, load
from evals.analysis.rendering import tidy
from evals.analysis.rendering.captions import Words, intervals, title
from evals.analysis.rendering.cell_words import MINUS
from evals.analysis.rendering.document import write_document
from evals.analysis.rendering.layout import ABSENT, ColumnGroup, Entry, Part, TableSection, change, number_entry
from evals.analysis.systems import BASELINE, Measurements, System
from evals.analysis.tables.truth import agreement_entry
from evals.statistics.intervals import AVERAGE

USES = ColumnGroup("Teacher", ["privileged", "leak-free, tested", "direction"])
CREDIT = ColumnGroup("Credit", ["level", "rank correlation with the truth", "variance explained (%)"])
COST = ColumnGroup("Cost over GRPO", ["tokens sampled", "passes", "networks", "time of a step"])
GAIN = ColumnGroup("Gain", ["rollouts needed", "average over base", "average over GRPO"])
PAPER = ColumnGroup("The paper's ticks", ["Priv.", "Leak-free", "Contr.", "No-Aux."])
AGAINST = ("base", BASELINE)
CAPTION = [
    "Privileged: it is shown what the policy is not, by a teacher or as labels. Leak-free, tested: its gradient stays "
    "the same where its teachers exchange probabilities among tokens that were not sampled; under a no, the largest "
    "change of the gradient over its largest entry.",
    "Direction: cosine of its expected gradient with that of the policy gradient of accuracy. Rollouts needed: where "
    "GRPO needs one, from the same gradients.",
    "Level: what gets a credit of its own, as found on rollouts. Truth: the measured advantage of every token; both "
    "numbers are of tokens within a rollout and corrected for noise; uniform credit ranks nothing and explains 0.",
    "Tokens sampled: those besides the rollouts, such as groups drawn again, continuations and rollouts of a teacher, "
    "for each token of the rollouts. Passes: response tokens that teachers read, likewise. Networks: weights kept "
    "besides the policy's own. Time: seconds of a training step over GRPO's.",
    "Averages in points, paired by question; bold where the interval excludes 0. A dash: not measured, or it cannot be "
    "computed.",
    "The paper's ticks (arXiv:2605.19436, Table 1): privileged information, leak-free, contrastive, no auxiliary "
    "model; ?: we do not know it.",
]


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``table1`` as .md, .csv, .tex and .html to the folder ``out``; returns the paths.

    ``cells``: finished cell folders of one world. Measured gradients and advantages are read from the folders beside
    ``out``, where they are. ``published``: the folder of the paper's numbers. DataError if a file is broken or no cell
    was trained.
    """
    paper, measured = load(published), Measurements.below(out.parent)
    arms = read_arms(cells)
    table = compare(dict(_planned(arms)), paper)
    sections, lines = [], list[tidy.Line]()
    for block in table.blocks:
        members = [arm for arm in arms if arm.scale == block.scale]
        rows = [(row, _system(row.arm, members, measured)) for row in block.rows if row.arm]
        entries = [(row.name, _entries(row, system, paper)) for row, system in rows]
        sections.append(TableSection(f"{block.scale}: {block.model}", entries))
        lines += [line for row, system in rows for line in _numbers(row, system)]
    part = Part("Systems", [USES, CREDIT, COST, GAIN, PAPER], sections)
    return write_document(out, "table1", _words(table, arms), [part], tidy.frame(tidy.measured(table), lines))


def _planned(arms: Sequence[Arm]) -> Iterator[tuple[str, list[PlannedRow]]]:
    """The default variant of every trained method that is no control, with what it is compared with."""
    for scale, members in by_scale(arms).items():
        known = {arm.method: arm for arm in members if arm.variant == "default"}
        shown = [arm for arm in trained(members) if arm.variant == "default" and not arm.is_control]
        if shown:
            yield (
                scale,
                [
                    PlannedRow(
                        arm.name, arm, {name: known[name] for name in AGAINST if name in known and name != arm.method}
                    )
                    for arm in shown
                ],
            )


def _system(arm: Arm, members: Sequence[Arm], measured: Measurements) -> System:
    grpo = next((one for one in members if (one.method, one.variant) == (BASELINE, "default")), None)
    return System(arm.method, arm.scale, arm, grpo, measured)


def _entries(row: ComparisonRow, system: System, paper: Published) -> list[Entry]:
    leak = system.leak
    leaked = () if leak is None or system.leak_free else (f"{leak:.2g}",)
    versus = [row.versus.get(name, {}).get(AVERAGE) for name in AGAINST]
    return [
        Entry(_yes(system.privileged)),
        Entry(_yes(system.leak_free), leaked),
        number_entry(system.gradient("direction"), _shown),
        Entry(system.level or ABSENT),
        agreement_entry(system.agreement("rank_correlation")),
        agreement_entry(system.agreement("explained"), share=True),
        Entry(_times(system.extra_tokens)),
        Entry(_times(system.extra_passes)),
        Entry(ABSENT if system.networks is None else str(system.networks)),
        number_entry(system.time, _shown) if system.method != BASELINE else Entry("1"),
        number_entry(system.gradient("samples", BASELINE), _shown, 1.0) if system.method != BASELINE else Entry("1"),
        *(change(one) if one else Entry(ABSENT) for one in versus),
        *_ticks(paper.table1.row(system.method)),
    ]


def _yes(known: bool | None) -> str:
    return ABSENT if known is None else "yes" if known else "no"


def _times(share: float | None) -> str:
    return ABSENT if share is None else f"{share:+z.2f}".replace("-", MINUS) if share else "0"


def _shown(value: float) -> str:
    return f"{value:z.2f}".replace("-", MINUS)


def _ticks(row: SystemTicks | None) -> list[Entry]:
    """Empty where the paper has no such row that we know of."""
    if row is None:
        return [Entry("", paper=True)] * len(PAPER.columns)
    known = (row.privileged, row.leak_free, row.contrastive, row.no_auxiliary)
    return [Entry("?" if tick is None else "\u2713" if tick else "\u2717", paper=True) for tick in known]


def _words(table: Comparison, arms: Sequence[Arm]) -> Words:
    caption = [*CAPTION, f"Brackets: {intervals(table.arms)}", provenance.training(trained(arms))]
    return Words(title("table1", table.world), [sentence for sentence in caption if sentence], [], {})


def _numbers(row: ComparisonRow, system: System) -> Iterator[tidy.Line]:
    """What was found of a system, one number to a line; what is not known has none."""
    assert row.arm is not None  # noqa: S101 - rows without an arm are left out
    line = tidy.arm_line(row.arm, row.name)
    found = {
        "leak": system.leak, "extra tokens": system.extra_tokens, "extra passes": system.extra_passes,
        "extra networks": system.networks,
    }  # fmt: skip
    for quantity, value in found.items():
        if value is not None:
            yield line | {"quantity": quantity, "value": round(float(value), 8)}
    measured = {name: system.agreement(name) for name in ("rank_correlation", "explained")}
    measured |= {"direction": system.gradient("direction"), "rollouts needed": system.gradient("samples", BASELINE)}
    for quantity, number in measured.items():
        if number is not None:
            yield line | {"quantity": quantity, "value": number.value, "low": number.low, "high": number.high}
    if system.time is not None:
        ends = {"value": system.time.value, "low": system.time.low, "high": system.time.high}
        yield line | {"quantity": "time of a step over GRPO's"} | ends
