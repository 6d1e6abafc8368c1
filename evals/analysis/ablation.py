"""Tables of CEPO's arms told apart by a few options, each row a series of the paper's table (Tables 4 and 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evals.analysis import tidy
from evals.analysis.captions import words
from evals.analysis.cells import Arm, read_arms
from evals.analysis.comparison import Line, by_scale, compare
from evals.analysis.document import write_document
from evals.analysis.layout import parts
from evals.analysis.published import Exhibit, Published, load
from evals.analysis.published import Row as PaperRow
from workflows.lib.records import OptionValue

Key = tuple[str, float | None]  # series and x of the paper's points
PAPER_SCALE = "small"  # the paper's ablations are on its smaller model


@dataclass(frozen=True)
class Ablation:
    """One table: which rows it has, and to which of them an arm belongs."""

    exhibit: str  # table4; also the field of Published and the stem of the files
    stub: str  # heading of the rows' names
    rows: Mapping[Key, str]  # names in order; {option} stands for that option of the arm
    key: Callable[[Mapping[str, OptionValue]], Key]  # from an arm's options
    about: Sequence[str]  # sentences of the caption
    same: Mapping[Key, Key] = field(default_factory=dict)  # rows that are another row's arm, not trained again


def write_ablation(ablation: Ablation, cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write the table as .md, .csv, .tex and .html to the folder ``out``; returns the paths.

    ``cells``: finished cell folders of one world. ``published``: the folder of the paper's numbers. A row without
    cells says so; arms that are no row of the paper follow under their own name. Raises DataError as Table 2 does.
    """
    paper = load(published)
    scales = by_scale(read_arms(cells))
    table = compare({scale: _lines(ablation, arms, paper) for scale, arms in scales.items()}, paper)
    around = words(table, paper, ablation.exhibit, ablation.about)
    theirs = {"scale": PAPER_SCALE, "model": paper.table2.scales[PAPER_SCALE], "method": "cepo"}
    points = tidy.published_points(
        _exhibit(paper, ablation), theirs | {"benchmark": tidy.AVERAGE, "quantity": "accuracy"}
    )
    numbers = tidy.frame(tidy.measured(table), points)
    return write_document(out, ablation.exhibit, around, parts(table, around, ablation.stub), numbers)


def _exhibit(published: Published, ablation: Ablation) -> Exhibit:
    return getattr(published, ablation.exhibit)


def _lines(ablation: Ablation, arms: Sequence[Arm], published: Published) -> list[Line]:
    """The paper's rows, then arms that fit none or share one with an arm before them."""
    found: dict[Key, Arm] = {}
    for arm in arms:  # default variants come first
        if arm.method == "cepo":
            found.setdefault(ablation.key(arm.options), arm)
    against = {arm.variant: arm for arm in arms if (arm.method, arm.variant) == ("cepo", "default")}
    lines = []
    for key, name in ablation.rows.items():
        arm = found.get(key) or found.get(ablation.same.get(key, key))
        options = arm.options if arm else _Unknown()
        lines.append(Line(name.format_map(options), arm, against, _paper(ablation, key, arms[0], published)))
    shown = [line.arm for line in lines]
    return lines + [Line(arm.name, arm, against) for arm in arms if arm not in shown]


class _Unknown(dict[str, OptionValue]):
    """Options of an arm that was not run."""

    def __missing__(self, option: str) -> str:
        return "k"


def _paper(ablation: Ablation, key: Key, arm: Arm, published: Published) -> PaperRow | None:
    """The paper's average for a row; None at a scale, or for a row, that the paper does not have."""
    exhibit, table = _exhibit(published, ablation), published.table2
    point = next((point for point in exhibit.points if (point.series, point.x) == key), None)
    if point is None or table.model_at(arm.scale, arm.model) != table.scales[PAPER_SCALE]:
        return None
    return PaperRow(scale=PAPER_SCALE, method="cepo", source=point.source, average=point.value, cells={})
