"""Caption of a table, and the findings about the published numbers as its footnotes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase

from evals.analysis import provenance
from evals.analysis.cells import Arm
from evals.analysis.comparison import Comparison
from evals.analysis.display import listed
from evals.analysis.published.lint import findings
from evals.analysis.published.numbers import Published
from evals.analysis.rendering.second_reading import second_reading
from evals.benchmarks import BENCHMARKS
from evals.statistics.intervals import Estimate


@dataclass(frozen=True)
class Words:
    """Plain text, without markup."""

    title: str
    caption: list[str]  # sentences
    notes: list[tuple[str, str]]  # mark ("" for none) and text, about the published numbers
    marks: dict[tuple[str, str, str], str]  # published scale, method, column -> mark


def words(table: Comparison, published: Published, exhibit: str, about: Sequence[str] = ()) -> Words:
    """Caption and footnotes of a comparison; ``exhibit`` names it (``table2``), ``about`` is what is special to it."""
    notes, marks = published_notes(published, exhibit)
    caption = [
        _what(table),
        *about,
        _stand_ins(table),
        _interval(table),
        *second_reading(table),
        bold([estimate for row in table.rows for by in row.versus.values() for estimate in by.values()]),
        _paper(table),
        *made(table.arms),
    ]
    return Words(
        title(exhibit, table.world), [sentence for sentence in caption if sentence], notes + _unmatched(table), marks
    )


def title(exhibit: str, world: str) -> str:
    """``table2`` -> ``Table 2 in the micro world``."""
    name = exhibit.rstrip("0123456789")
    shown = " ".join([name.capitalize(), exhibit[len(name) :]]).strip()
    return f"{shown}, paper world" if world == "paper" else f"{shown} in the {world} world"


def published_notes(
    published: Published, exhibit: str
) -> tuple[list[tuple[str, str]], dict[tuple[str, str, str], str]]:
    """Findings about the published numbers of an exhibit as footnotes, and the marks of those about one cell."""
    about = [finding for finding in findings(published) if finding.exhibit == exhibit]
    marked = [finding for finding in about if finding.cell is not None]
    marks = {finding.cell: mark for finding, mark in zip(marked, ascii_lowercase, strict=False) if finding.cell}
    return [(marks.get(finding.cell, "") if finding.cell else "", finding.message) for finding in about], marks


def made(arms: Sequence[Arm]) -> list[str]:
    """Say how answers were sampled, and when and with which code the arms were trained."""
    generation = arms[0].folders[0].scores.generation
    return [
        f"Sampling: {provenance.sampling(generation)}; one answer per question and seed.",
        provenance.training(arms),
    ]


def bold(shown: Sequence[Estimate]) -> str:
    """Say what bold differences mean, and how many would be bold by chance alone."""
    if not shown:
        return ""
    count = sum(estimate.excludes_zero for estimate in shown)
    text = "Differences in points, paired by question; bold where the interval excludes 0"
    return f"{text} ({count} of {len(shown)}; were all arms equal, about {round(0.05 * len(shown))} would)."


def intervals(arms: Sequence[Arm]) -> str:
    """Say what the intervals cover, and name the seeds."""
    fewest = min((len(arm.seeds) for arm in arms if arm.method != "base"), default=1)
    covers = "seeds and questions" if fewest > 1 else "questions only: another training run may differ by more"
    return f"95 % intervals over {covers}. {provenance.trained_with(arms)}"


def _what(table: Comparison) -> str:
    sizes = ", ".join(f"{table.title(name)} {size}" for name, size in table.sizes.items())
    models = ", ".join(f"{block.scale} {block.model}" for block in table.blocks)
    under = "under it its 95 % interval and the percent of answers that could not be read (u) or were cut off (t)"
    return (
        f"Accuracy in percent, {under}. The average weighs the benchmarks equally. Base models: {models}. "
        f"Questions: {sizes}."
    )


def _stand_ins(table: Comparison) -> str:
    if table.world == "paper":
        return ""
    return f"Benchmarks named {table.world}- are stand-ins drawn by this project, not the ones they are named after."


def _interval(table: Comparison) -> str:
    return f"Brackets: {intervals(table.arms)}"


def _paper(table: Comparison) -> str:
    models = listed([block.paper_model for block in table.blocks if block.paper_model])
    if not models:
        return ""
    text = f"The paper's numbers (arXiv:2605.19436, {models}; one run, one answer per question) stand beside ours"
    other = ": other models and other questions, for orientation; ours do not reproduce them"
    again = any(row.paper and row.paper.recomputed is not None for row in table.rows)
    brackets = "In brackets its average recomputed where the printed one disagrees; ?: not known"
    return f"{text}{other if table.world != 'paper' else ''}. {brackets if again else '?: not known'}."


def _unmatched(table: Comparison) -> list[tuple[str, str]]:
    names = [name for name in table.benchmarks if not table.comparable(name)]
    shown = listed(
        [f"{BENCHMARKS[name].title} ({table.sizes[name]} of {BENCHMARKS[name].items} questions)" for name in names]
    )
    return [("", f"The paper's number is left out beside an incomplete benchmark: {shown}.")] if names else []
