"""Learning rates: validation accuracy of every method after training at each rate. Benchmarks are not used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from scipy import stats

from evals.analysis import provenance
from evals.analysis.cells import Arm, read_arms, trained
from evals.analysis.comparison import by_scale
from evals.analysis.display import method_name
from evals.analysis.rendering import tidy
from evals.analysis.rendering.captions import Words, title
from evals.analysis.rendering.cell_words import interval, percent
from evals.analysis.rendering.document import write_document
from evals.analysis.rendering.layout import ABSENT, ColumnGroup, Entry, Part, TableSection
from evals.statistics.intervals import Estimate

Rates = dict[float, Arm]  # arms of one method by learning rate


def write(cells: Sequence[Path], published: Path, out: Path) -> list[Path]:
    """Write ``tuning`` as .md, .csv, .tex and .html to the folder ``out``; returns the paths.

    ``cells``: cell folders of one world with train.jsonl and run.json. The paper has no such table, so nothing is read
    from ``published``. Raises DataError if a file is broken or no cell was trained.
    """
    arms = trained(read_arms(cells))
    scales = {scale: _by_method(members) for scale, members in by_scale(arms).items()}
    rates = sorted({rate for methods in scales.values() for by_rate in methods.values() for rate in by_rate})
    sections = [
        TableSection(
            f"{scale}: {next(a.model for a in arms if a.scale == scale)}",
            [_row(m, f, rates) for m, f in named.items()],
        )
        for scale, named in scales.items()
    ]
    part = Part(
        "Validation accuracy after training (%)", [ColumnGroup("Learning rate", [f"{r:g}" for r in rates])], sections
    )
    return write_document(out, "tuning", _words(arms), [part], tidy.frame(_numbers(scales)))


def _by_method(arms: Sequence[Arm]) -> dict[str, Rates]:
    methods: dict[str, Rates] = {}
    for arm in arms:
        methods.setdefault(arm.method, {})[float(arm.options["lr"])] = arm
    return methods


def _row(method: str, by_rate: Rates, rates: Sequence[float]) -> tuple[str, list[Entry]]:
    reached = {rate: accuracy for rate, arm in by_rate.items() if (accuracy := final_accuracy(arm))}
    best = max((accuracy.value for accuracy in reached.values()), default=None)
    entries = [
        Entry(percent(one.value), (interval(one),), bold=one.value == best)
        if (one := reached.get(rate))
        else Entry(ABSENT)
        for rate in rates
    ]
    return method_name(method), entries


def final_accuracy(arm: Arm) -> Estimate | None:
    """Validation accuracy at the last step over all seeds, with Wilson's interval over problems; None if unknown.

    Each seed answers the same problems, so several seeds count as one in the interval's width.
    """
    values = [folder.steps[-1].val_accuracy for folder in arm.folders]
    counts = [folder.run.val_problems for folder in arm.folders if folder.run is not None]
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not counts or None in counts:
        return None
    mean, problems = sum(known) / len(known), min(count for count in counts if count is not None)
    low, high = stats.binomtest(round(mean * problems), problems).proportion_ci(method="wilson")
    return Estimate(mean, float(low), float(high), len(known), problems)


def _words(arms: Sequence[Arm]) -> Words:
    caption = [
        "Share of validation problems answered right after the last training step, one sampled answer each, with "
        f"{provenance.seeds(arms)}; validation problems share no figure with training or test problems.",
        "Brackets: 95 % Wilson intervals over problems; they do not cover another training run.",
        "Bold: the highest of a method. Every method was tried at the same rates and at nothing else.",
        provenance.training(arms),
    ]
    return Words(title("tuning", arms[0].folders[0].cell.world), [line for line in caption if line], [], {})


def _numbers(scales: Mapping[str, Mapping[str, Rates]]) -> Iterator[tidy.Line]:
    for methods in scales.values():
        for by_rate in methods.values():
            for rate, arm in sorted(by_rate.items()):
                line = tidy.arm_line(arm, f"{method_name(arm.method)} at {rate:g}")
                line |= {"quantity": "validation accuracy", "unit": "percent"}
                yield line | tidy.numbers(one) if (one := final_accuracy(arm)) else line
