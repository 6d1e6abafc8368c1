"""Words around Table 2: caption, legend, and the findings about the published numbers as footnotes."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_lowercase

from evals.analysis import provenance
from evals.analysis.comparison import Comparison
from evals.analysis.display import listed
from evals.analysis.lint import findings
from evals.analysis.published import Published
from evals.benchmarks import BENCHMARKS


@dataclass(frozen=True)
class Words:
    """Plain text, without markup."""

    title: str
    caption: list[str]  # sentences
    notes: list[tuple[str, str]]  # mark ("" for none) and text, about the published numbers
    marks: dict[tuple[str, str, str], str]  # published scale, method, column -> mark


def words(table: Comparison, published: Published) -> Words:
    """Caption and footnotes of a comparison."""
    about = [finding for finding in findings(published) if finding.exhibit == "table2"]
    marked = [finding for finding in about if finding.cell is not None]
    marks = {finding.cell: mark for finding, mark in zip(marked, ascii_lowercase, strict=False) if finding.cell}
    notes = [(marks.get(finding.cell, "") if finding.cell else "", finding.message) for finding in about]
    caption = [
        _what(table),
        _stand_ins(table),
        _interval(table),
        _rates(),
        _bold(table),
        _paper(table),
        _sampling(table),
        _training(table),
    ]
    return Words(_title(table), [sentence for sentence in caption if sentence], notes + _unmatched(table), marks)


def _title(table: Comparison) -> str:
    return "Table 2, paper world" if table.world == "paper" else f"Table 2 in the {table.world} world"


def _what(table: Comparison) -> str:
    sizes = ", ".join(f"{table.title(name)} {size}" for name, size in table.sizes.items())
    models = ", ".join(f"{block.scale} {block.model}" for block in table.blocks)
    return f"Accuracy in percent; the average weighs the benchmarks equally. Base models: {models}. Questions: {sizes}."


def _stand_ins(table: Comparison) -> str:
    if table.world == "paper":
        return ""
    return f"Benchmarks named {table.world}- are stand-ins drawn by this project, not the ones they are named after."


def _interval(table: Comparison) -> str:
    arms = [row.arm for row in table.rows]
    fewest = min((len(arm.seeds) for arm in arms if arm.method != "base"), default=1)
    covers = "seeds and questions" if fewest > 1 else "questions only: another training run may differ by more"
    return f"Brackets: 95 % intervals over {covers}. Trained with {provenance.seeds(arms)}."


def _rates() -> str:
    return "Under each accuracy, in percent: u, answers the scorer could not read; t, answers cut at the token limit."


def _bold(table: Comparison) -> str:
    shown = [estimate for row in table.rows for by in row.versus.values() for estimate in by.values()]
    if not shown:
        return ""
    bold = sum(estimate.excludes_zero for estimate in shown)
    text = "Differences in points, paired by question; bold where the interval excludes 0"
    return f"{text} ({bold} of {len(shown)}; were all methods equal, about {round(0.05 * len(shown))} would)."


def _paper(table: Comparison) -> str:
    models = listed([block.paper_model for block in table.blocks if block.paper_model])
    if not models:
        return ""
    text = f"The paper's numbers (arXiv:2605.19436, {models}; one run, one answer per question) stand beside ours"
    other = ": other models and other questions, for orientation; ours do not reproduce them"
    brackets = "In brackets its average recomputed where the printed one disagrees; ?: not known"
    return f"{text}{other if table.world != 'paper' else ''}. {brackets}."


def _sampling(table: Comparison) -> str:
    generation = table.rows[0].arm.folders[0].scores.generation
    return f"Sampling: {provenance.sampling(generation)}; one answer per question and seed."


def _training(table: Comparison) -> str:
    return provenance.training([row.arm for row in table.rows])


def _unmatched(table: Comparison) -> list[tuple[str, str]]:
    names = [name for name in table.benchmarks if not table.comparable(name)]
    shown = listed(
        [f"{BENCHMARKS[name].title} ({table.sizes[name]} of {BENCHMARKS[name].items} questions)" for name in names]
    )
    return [("", f"The paper's number is left out beside an incomplete benchmark: {shown}.")] if names else []
