"""Noise floor: how much the accuracy of one adapter varies between evaluations with other random numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy import stats

from contracts.errors import DataError
from evals.analysis.cells import CellFolder, read_arms
from evals.analysis.comparison import by_scale
from evals.analysis.display import method_name
from evals.analysis.rendering import tidy
from evals.analysis.rendering.captions import Words, made, title
from evals.analysis.rendering.cell_words import percent
from evals.analysis.rendering.document import write_document
from evals.analysis.rendering.layout import ABSENT, ColumnGroup, Entry, Part, TableSection
from evals.benchmarks import BENCHMARKS
from evals.statistics.intervals import AVERAGE

CAPTION = [
    "Standard deviation in points between evaluations of the same adapter: same questions, other draws of the sampler. "
    "Brackets: 95 % interval (chi-square). Below it: what independent draws with each question's own rate of right "
    "answers would give.",
    "No method can be told from another by one evaluation each if they differ by less than about three times these "
    "numbers (two evaluations, 95 %); differences on the same draws, in the last row, are less noisy.",
]


@dataclass(frozen=True)
class Repeats:
    """The answers of one cell in K evaluations, or the difference of two cells with the same random numbers."""

    name: str
    cell: CellFolder
    answers: dict[str, Float[np.ndarray, "K N"]]  # by benchmark; right 1, wrong 0

    @property
    def shares(self) -> dict[str, Float[np.ndarray, " K"]]:
        """Accuracy of each evaluation, by benchmark and on average."""
        means = {name: answers.mean(axis=1) for name, answers in self.answers.items()}
        return means | {AVERAGE: np.mean(list(means.values()), axis=0)}

    @property
    def expected(self) -> dict[str, float]:
        """Standard deviation if answers are independent, from the variance of each question."""
        variances = {n: float(a.var(axis=0, ddof=1).sum()) / a.shape[1] ** 2 for n, a in self.answers.items()}
        average = sum(variances.values()) / len(variances) ** 2
        return {name: variance**0.5 for name, variance in (variances | {AVERAGE: average}).items()}


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``noise`` as .md, .csv, .tex and .html to the folder ``out``; returns the paths.

    ``cells``: finished cell folders of one world with further evaluations in ``repeats``; others are left out. Nothing
    is read from ``published``. Raises DataError if no cell was evaluated more than once.
    """
    arms = read_arms(cells)
    repeated = {
        scale: [_repeats(f, a.name) for a in members for f in a.folders] for scale, members in by_scale(arms).items()
    }
    scales = {scale: several for scale, members in repeated.items() if (several := [one for one in members if one])}
    if not scales:
        raise DataError("cells", "none was evaluated more than once", "run the experiment 'noise'")
    rows = {scale: [*members, *_differences(members)] for scale, members in scales.items()}
    columns = [*(name for name in BENCHMARKS if name in next(iter(scales.values()))[0].answers), AVERAGE]
    sections = [
        TableSection(
            f"{scale}: {members[0].cell.cell.model_name}",
            [(one.name, [_entry(one, name) for name in columns]) for one in members],
        )
        for scale, members in rows.items()
    ]
    world = arms[0].folders[0].cell.world
    heads = [BENCHMARKS[name].display(world) if name in BENCHMARKS else "Average" for name in columns]
    words = Words(title("noise", world), [*CAPTION, *made(arms)], [], {})
    parts = [Part("Noise of one evaluation (points)", [ColumnGroup("Standard deviation", heads)], sections)]
    lines = [line for members in rows.values() for one in members for line in _lines(one, columns)]
    return write_document(out, "noise", words, parts, tidy.frame(lines))


def _repeats(folder: CellFolder, name: str) -> Repeats | None:
    evaluations = [folder.samples, *folder.repeats()]
    if len(evaluations) < 2:
        return None
    answers = {
        bench: np.stack([np.asarray(one[bench]["correct"], dtype=float) for one in evaluations])
        for bench in folder.samples
    }
    return Repeats(f"{name}, seed {folder.cell.seed}, {len(evaluations)} evaluations", folder, answers)


def _differences(members: Sequence[Repeats]) -> Iterator[Repeats]:
    """Yield the last method minus the first, seed by seed, with the same random numbers."""
    first, last = members[0].cell.cell.method, members[-1].cell.cell.method
    if first == last:
        return
    for ours in members:
        for theirs in members:
            pair = (ours.cell.cell, theirs.cell.cell)
            if (pair[0].method, pair[1].method) == (last, first) and pair[0].seed == pair[1].seed:
                answers = {name: ours.answers[name] - theirs.answers[name] for name in ours.answers}
                yield Repeats(f"{method_name(last)} less {method_name(first)}, seed {pair[0].seed}", ours.cell, answers)


def _interval(shares: Float[np.ndarray, " K"]) -> tuple[float, float, float]:
    """Standard deviation and its 95 % interval, for normal shares."""
    df, deviation = len(shares) - 1, float(shares.std(ddof=1))
    low, high = (deviation * float(df / stats.chi2.ppf(point, df)) ** 0.5 for point in (0.975, 0.025))
    return deviation, low, high


def _entry(one: Repeats, column: str) -> Entry:
    if column not in one.shares:
        return Entry(ABSENT)
    deviation, low, high = _interval(one.shares[column])
    return Entry(
        percent(deviation), (f"[{percent(low)}, {percent(high)}]", f"expected {percent(one.expected[column])}")
    )


def _lines(one: Repeats, columns: Sequence[str]) -> Iterator[tidy.Line]:
    cell = one.cell.cell
    common: tidy.Line = {"world": cell.world, "scale": cell.scale, "model": cell.model_name, "method": cell.method}
    common |= {
        "variant": cell.variant,
        "row": one.name,
        "seeds": str(cell.seed),
        "source": "this run",
        "unit": "points",
    }
    for column in columns:
        deviation, low, high = (round(100 * value, 4) for value in _interval(one.shares[column]))
        place = common | {"benchmark": column}
        yield place | {"quantity": "standard deviation of evaluations", "value": deviation, "low": low, "high": high}
        yield place | {"quantity": "expected standard deviation", "value": round(100 * one.expected[column], 4)}
