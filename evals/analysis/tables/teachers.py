"""Teachers: what each method gains over GRPO from the same base, beside what its teacher knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from evals.analysis.base_teachers import BASELINE, TeacherKnowledge, gains
from evals.analysis.comparison import Block, Comparison, ComparisonRow
from evals.analysis.published.numbers import load
from evals.analysis.rendering import tidy
from evals.analysis.rendering.captions import words
from evals.analysis.rendering.cell_words import interval, percent
from evals.analysis.rendering.document import write_document
from evals.analysis.rendering.layout import ABSENT, ColumnGroup, Entry, Part, TableSection, change
from evals.statistics.intervals import AVERAGE

KNOWN = ColumnGroup("The base's teachers", ["evidence on slips (nats)", "AUROC of slips"])
REACHED = ColumnGroup("After training", ["average (%)", "gain over GRPO (points)"])
ABOUT = [
    "Base models differ in how often they saw a final answer beside a demonstration, and therefore in what a teacher, "
    "which is the same model shown a reference, knows of a slip.",
    "Evidence on slips: mean of |log P+ \u2212 log P\u2212| of the untrained model on slipped tokens, where it is "
    "shown the right answer and the wrong one that the chain ends in, at the place where the row's teacher reads "
    "its reference. AUROC of slips: how well it tells the slip from the other decisive tokens of its chain; 0.5 is "
    "chance.",
    "The oracle knows the labels of tokens and asks no teacher: its gain is the most that better credit could bring "
    "from that base. GRPO and entropy ask none either; their rows say what one would know.",
]


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``teachers`` as .md, .csv, .tex and .html to the folder ``out``; returns the paths.

    ``cells``: finished cell folders of one world; what was measured of their base models lies in ``models`` beside
    ``cells``. ``published``: the folder of the paper's numbers. Raises DataError if GRPO was not run at a scale, if a
    base was not measured, and as Table 2 does.
    """
    paper = load(published)
    table = gains(cells, paper)
    numbers = tidy.frame(tidy.measured(table), _knowledge(table))
    part = Part("What teachers know and what methods gain", [KNOWN, REACHED], [_section(b) for b in table.blocks])
    return write_document(out, "teachers", words(table, paper, "teachers", ABOUT), [part], numbers)


def _section(block: Block) -> TableSection:
    rows = [(row.name, _entries(row, TeacherKnowledge(row.arm))) for row in block.rows if row.arm]
    right = next(TeacherKnowledge(row.arm).accuracy for row in block.rows if row.arm)
    return TableSection(f"{block.scale}: {block.model}, {percent(right)} % of rollouts right before training", rows)


def _entries(row: ComparisonRow, teacher: TeacherKnowledge) -> list[Entry]:
    own, gain = row.accuracy.get(AVERAGE), row.versus.get(BASELINE, {}).get(AVERAGE)
    missing = Entry(ABSENT) if BASELINE in row.versus else Entry()  # GRPO gains nothing over itself
    return [
        Entry(f"{teacher.slips:.2f}"),
        Entry(f"{teacher.auroc:.2f}"),
        Entry(percent(own.value), (interval(own),)) if own else Entry(ABSENT),
        change(gain) if gain else missing,
    ]


def _knowledge(table: Comparison) -> Iterator[tidy.Line]:
    for row in table.rows:
        if row.arm:
            teacher, line = TeacherKnowledge(row.arm), tidy.arm_line(row.arm, row.name)
            yield line | {"quantity": "evidence on slips", "value": round(teacher.slips, 4), "unit": "nats"}
            yield line | {"quantity": "AUROC of slips", "value": round(teacher.auroc, 4)}
            yield line | {
                "quantity": "accuracy before training",
                "value": round(100 * teacher.accuracy, 4),
                "unit": "percent",
            }
