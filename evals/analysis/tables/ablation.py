"""Tables of CEPO arms that differ in a few options. Each row is a point of the paper's Tables 4 and 5 or Figure 3."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contracts.records import OptionValue
from evals.analysis.cells import Arm, read_arms
from evals.analysis.comparison import PlannedRow, by_scale, compare
from evals.analysis.pairs import changes
from evals.analysis.paper_steps import PAPER_STEPS
from evals.analysis.published.numbers import Exhibit, Published, PublishedRow, load
from evals.analysis.rendering import tidy
from evals.analysis.rendering.captions import words
from evals.analysis.rendering.document import write_document
from evals.analysis.rendering.layout import parts
from evals.statistics.intervals import AVERAGE

Key = tuple[str, float | None]  # series and x of the paper's points
PAPER_SCALE = "small"  # the paper's ablations are on its smaller model


@dataclass(frozen=True)
class Choice:
    """One thing that is varied: the rows for it, and the row to which an arm belongs."""

    rows: Mapping[Key, str]  # names in order; {option} stands for that option of the arm
    options: frozenset[str]  # the options that may differ from the default; an arm with other differences has no row
    key: Callable[[Mapping[str, OptionValue]], Key | None]  # of an arm's options
    same: Mapping[Key, Key] = field(default_factory=dict)  # rows whose arm is that of another row


@dataclass(frozen=True)
class Ablation:
    """One table."""

    stem: str  # of the files
    exhibit: str  # the field of Published
    stub: str  # heading of the rows' names
    choices: Sequence[Choice]
    about: Sequence[str]  # sentences of the caption; {option} stands for that option of the default arm


Placed = list[tuple[Key | None, PlannedRow]]  # rows, each with its point of the paper; None for other arms


def write_ablation(ablation: Ablation, cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write the table as .md, .csv, .tex and .html to the folder ``out``; returns the paths.

    ``cells``: finished cell folders of one world. ``published``: the folder of the paper's numbers. A row without
    cells says so; arms that are no row of the paper follow under their own name. Raises DataError as Table 2 does.
    """
    paper = load(published)
    placed = {scale: place(ablation, arms, paper) for scale, arms in by_scale(read_arms(cells)).items()}
    table = compare({scale: [line for _, line in lines] for scale, lines in placed.items()}, paper)
    around = words(table, paper, ablation.exhibit, _about(ablation, table.arms))
    theirs = {"scale": PAPER_SCALE, "model": paper.table2.scales[PAPER_SCALE], "method": "cepo"}
    theirs |= {"benchmark": AVERAGE, "quantity": "accuracy"}
    numbers = tidy.frame(tidy.measured(table), tidy.published_points(exhibit_of(ablation, paper), theirs))
    return write_document(out, ablation.stem, around, parts(table, around, ablation.stub), numbers)


def exhibit_of(ablation: Ablation, published: Published) -> Exhibit:
    """The paper's numbers for this table."""
    return getattr(published, ablation.exhibit)


def place(ablation: Ablation, arms: Sequence[Arm], published: Published) -> Placed:
    """The rows of one scale, then the other arms. Their baseline is CEPO's default if that was run."""
    against = _default(arms)
    placed: Placed = []
    for choice in ablation.choices:
        by_key = _find(choice, arms, against.get("default"))
        for key, name in choice.rows.items():
            arm = by_key.get(key) or by_key.get(choice.same.get(key, key))
            placed.append((key, PlannedRow(_name(name, arm), arm, against, _paper(ablation, key, arms[0], published))))
        extra = {key: arm for key, arm in by_key.items() if key not in choice.rows}
        placed += [(key, PlannedRow(arm.name, arm, against)) for key, arm in extra.items()]
    shown = [line.arm for _, line in placed]
    return placed + [(None, PlannedRow(arm.name, arm, against)) for arm in arms if arm not in shown]


def _default(arms: Sequence[Arm]) -> dict[str, Arm]:
    """CEPO's default arm under its variant's name; empty where it was not run."""
    return {arm.variant: arm for arm in arms if (arm.method, arm.variant) == ("cepo", "default")}


def _about(ablation: Ablation, arms: Sequence[Arm]) -> list[str]:
    """Sentences of the caption; those about options of a default that was not run are left out."""
    default = _default(arms)
    counted = {int(arm.options["steps"]) for arm in default.values()} - {PAPER_STEPS}
    return [
        *(
            f"Rows count steps as the paper does, of its {PAPER_STEPS}: the same shares of the {n} here."
            for n in counted
        ),
        *(
            sentence.format_map(default["default"].options) if default else sentence
            for sentence in ablation.about
            if default or "{" not in sentence
        ),
    ]


def _find(choice: Choice, arms: Sequence[Arm], default: Arm | None) -> dict[Key, Arm]:
    """The first arm at each point; default variants come first."""
    by_key: dict[Key, Arm] = {}
    for arm in arms:
        fits = arm.method == "cepo" and (default is None or changes(arm, default).keys() <= choice.options)
        if fits and (key := choice.key(arm.options)) is not None:
            by_key.setdefault(key, arm)
    return by_key


def _name(name: str, arm: Arm | None) -> str:
    if arm is None:
        return name.format_map(_Unknown())
    return name.format_map(arm.options) + (" (default)" if arm.variant == "default" else "")


class _Unknown(dict[str, OptionValue]):
    """Options of an arm that was not run."""

    def __missing__(self, option: str) -> str:
        return "k"


def _paper(ablation: Ablation, key: Key, arm: Arm, published: Published) -> PublishedRow | None:
    """The paper's average for a row; None if the paper does not have the row or the scale."""
    points, table = exhibit_of(ablation, published).points, published.table2
    point = next((point for point in points if (point.series, point.x) == key), None)
    if point is None or table.model_at(arm.scale, arm.model) != table.scales[PAPER_SCALE]:
        return None
    return PublishedRow(scale=PAPER_SCALE, method="cepo", source=point.source, average=point.value, cells={})
