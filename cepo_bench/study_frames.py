"""A finished run in Python: scores, training steps, answers and kept rollouts as frames; arms to compare.

``load("results/micro")`` reads nothing but the names of cells; each frame is read when it is first asked for. Every
frame begins with the columns ``method``, ``scale``, ``variant`` and ``seed``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from contracts.errors import DataError, nearest
from evals.analysis.archive import unpack
from evals.analysis.cell_texts import RECORDS
from evals.analysis.cells import Arm, CellFolder, read_arms
from evals.analysis.runs.opening import opened
from evals.samples import read_samples
from evals.statistics.intervals import AVERAGE, Estimate, differences

Rows = Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class StudyFrames:
    """A results folder, ``results/<world>``, or the archive of one. Its frames are not to be changed in place."""

    folder: Path
    cells: list[CellFolder]
    unpacked: TemporaryDirectory[str] | None = field(default=None, repr=False)  # keeps an archive's files alive

    @cached_property
    def arms(self) -> dict[str, Arm]:
        """Cells that differ in nothing but the seed, by name: ``cepo/small/default``."""
        found = read_arms([cell.path for cell in self.cells])
        return {f"{arm.method}/{arm.scale}/{arm.variant}": arm for arm in found}

    def __getitem__(self, name: str) -> Arm:
        """The arm ``method/scale/variant``; DataError with the nearest name if there is none."""
        if name not in self.arms:
            raise DataError(name, f"no such arm in {self.folder}", nearest(name, list(self.arms)))
        return self.arms[name]

    @cached_property
    def scores(self) -> pd.DataFrame:
        """A row for each cell and benchmark, and one for their average. Shares; the interval is over questions."""
        return self._frame(_scores)

    @cached_property
    def steps(self) -> pd.DataFrame:
        """A row for each training step: fields of ``TrainingStep``; seconds and evidence in columns of their own."""
        return self._frame(lambda cell: [_flat(step.model_dump()) for step in cell.steps] if cell.run else [])

    @cached_property
    def answers(self) -> pd.DataFrame:
        """A row for each question and cell. An archive has no response, gold answer and prediction."""
        return self._frame(_answers)

    @cached_property
    def rollouts(self) -> pd.DataFrame:
        """A row for each kept training rollout: problem, tokens, credit, evidence, reward; none in an archive.

        ``reward`` is absent where the method is not trained on right or wrong alone.
        """
        return self._frame(_rollouts)

    def _frame(self, rows: Callable[[CellFolder], Rows]) -> pd.DataFrame:
        parts = [pd.DataFrame([_names(cell) | dict(row) for row in rows(cell)]) for cell in self.cells]
        filled = [part for part in parts if len(part)]
        return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(NAMES))


NAMES = ("method", "scale", "variant", "seed")


def load(folder: str | Path) -> StudyFrames:
    """The run in ``results/<world>``, or in an archive such as ``results/reference/micro``.

    Raises DataError if the folder holds no evaluated cell.
    """
    place = Path(folder)
    if (place / RECORDS).exists():
        temporary = TemporaryDirectory()
        return StudyFrames(place, [CellFolder(path) for path in unpack(place, Path(temporary.name))], temporary)
    with opened(place) as cells:
        return StudyFrames(place, [CellFolder(path) for path in cells])


def compare(ours: Arm, theirs: Arm, benchmark: str = AVERAGE) -> Estimate:
    """``ours - theirs`` in average accuracy, or on one benchmark: a share with its 95 % interval.

    Paired by question, and by seed where both have the same seeds. The arms may come from two runs. Raises DataError if
    they were not asked the same questions.
    """
    try:
        found = differences(ours.panels, theirs.panels)
    except ValueError as error:
        raise DataError(f"{ours.name}, {theirs.name}", str(error), "compare runs of the same benchmarks") from None
    if benchmark not in found:
        raise DataError(benchmark, "is no benchmark that both arms answered", f"give one of {', '.join(found)}")
    return found[benchmark]


def _names(cell: CellFolder) -> dict[str, Any]:
    return {name: getattr(cell.cell, name) for name in NAMES}


def _scores(cell: CellFolder) -> Rows:
    scores = cell.scores
    for name, bench in scores.benchmarks.items():
        yield {"benchmark": name} | bench.model_dump(exclude={"other", "metric"})
    average = {"accuracy": scores.average, "low": scores.average_low, "high": scores.average_high}
    yield {"benchmark": AVERAGE, **average, "n": sum(bench.n for bench in scores.benchmarks.values())}


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings inside as columns, ``seconds.rollout``; a mapping that is absent has none."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if key == "evidence" and value is None:
            continue
        flat |= {f"{key}.{inner}": one for inner, one in value.items()} if isinstance(value, dict) else {key: value}
    return flat


def _answers(cell: CellFolder) -> Rows:
    path = cell.path / "eval" / "samples.parquet"
    if path.exists():
        return read_samples(path).to_pylist()
    return pd.concat(cell.samples.values()).to_dict("records")


def _rollouts(cell: CellFolder) -> Rows:
    path = cell.path / "rollouts.parquet"
    if not path.exists():
        return
    binary = cell.cell.options.get("reward") == "binary"
    for row in pq.read_table(path).to_pylist():
        yield {"reward": float(row["correct"]) if binary else None} | row
