"""Read finished cells: their records, and their answers as arrays in which all cells have the same order. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float

from contracts.errors import DataError
from contracts.reading import R, read_lines, read_record, wrong_steps
from contracts.records import Cell, OptionValue, Run, Scores, TrainingStep
from contracts.rollouts import CreditLine
from evals.analysis.display import method_name, method_rank
from evals.analysis.registry import CREDIT
from evals.samples import read_samples
from evals.statistics.panels import Panel

COLUMNS = ["benchmark", "id", "cluster", "question_hash", "correct", "parsed", "truncated"]
SECOND = "careful"  # column of the second reading; answers packed before there was one do not have it
ANSWERS = "answers.parquet"  # of an unpacked cell: only these columns of samples.parquet


@dataclass(frozen=True)
class CellFolder:
    """One cell on disk. A file is read when it is first needed, and only once. A broken file raises DataError."""

    path: Path

    @cached_property
    def cell(self) -> Cell:
        """``cell.json``."""
        return self._record(Cell, "cell.json")

    @cached_property
    def run(self) -> Run | None:
        """``run.json``; None for the untrained base, which has no training run."""
        if self.cell.method == "base" and not (self.path / "run.json").exists():
            return None
        return self._record(Run, "run.json")

    @cached_property
    def scores(self) -> Scores:
        """``eval/scores.json``."""
        return self._record(Scores, "eval/scores.json")

    @cached_property
    def steps(self) -> list[TrainingStep]:
        """``train.jsonl`` in order of steps."""
        path = self.path / "train.jsonl"
        steps = read_lines(TrainingStep, path)
        if not steps:
            raise DataError(str(path), "holds no step", "train the cell again", delete_and_rerun=True)
        numbers = [step.step for step in steps]
        if cause := wrong_steps(numbers, int(self.cell.options.get("steps", max(numbers)))):
            raise DataError(str(path), cause, "train the cell again", delete_and_rerun=True)
        return sorted(steps, key=lambda step: step.step)

    @cached_property
    def credit(self) -> list[CreditLine]:
        """``credit.jsonl`` in order of steps; empty if the engine kept no rollouts or nobody asked for their credit."""
        path = self.path / CREDIT
        lines = read_lines(CreditLine, path) if path.exists() else []
        numbers = [line.step for line in lines]
        if cause := wrong_steps(numbers, max(numbers, default=0)):
            raise DataError(str(path), cause, "give the same command again", delete_and_rerun=True)
        return sorted(lines, key=lambda line: line.step)

    @cached_property
    def samples(self) -> dict[str, pd.DataFrame]:
        """``eval/samples.parquet`` by benchmark, in order of ids; of a packed cell its ``eval/answers.parquet``.

        DataError unless each benchmark has as many answers as ``scores.json`` counted.
        """
        return self._all_answers(self.path / "eval")

    def repeats(self) -> list[dict[str, pd.DataFrame]]:
        """The same of each further evaluation of the adapter, ``repeats/<number>``. Most cells have none."""
        repeats = [path for path in (self.path / "repeats").glob("[0-9]*") if path.is_dir()]
        return [self._all_answers(path) for path in sorted(repeats, key=lambda path: int(path.name))]

    def _all_answers(self, evaluation: Path) -> dict[str, pd.DataFrame]:
        found = by_benchmark(evaluation)
        for name, score in self.scores.benchmarks.items():
            if (count := len(found.get(name, ()))) != score.n:
                cause = f"holds {count} answers of {name}, scores.json counted {score.n}"
                place = str(evaluation / "samples.parquet")
                raise DataError(place, cause, "evaluate the cell again", delete_and_rerun=True)
        return found

    def _record(self, model: type[R], name: str) -> R:
        return read_record(model, self.path / name)


def by_benchmark(folder: Path) -> dict[str, pd.DataFrame]:
    """Read the answers of one evaluation, by benchmark and in order of ids, with the columns that statistics need."""
    packed = folder / ANSWERS
    path = packed if packed.exists() else folder / "samples.parquet"
    state = path.stat() if path.exists() else None
    return _read(path, state and (state.st_ino, state.st_mtime_ns, state.st_size))


@lru_cache(maxsize=1024)  # the tables of one run share cells, and nobody changes a frame
def _read(path: Path, state: tuple[int, ...] | None) -> dict[str, pd.DataFrame]:
    """``state``: inode, time and size of the file, so that a file that was written again is read again."""
    table = read_answers(path) if path.name == ANSWERS else read_samples(path).select([*COLUMNS, SECOND])
    ordered = table.to_pandas().sort_values(["benchmark", "id"], ignore_index=True)
    return {str(name): part for name, part in ordered.groupby("benchmark", sort=False)}


@dataclass(frozen=True)
class Arm:
    """Cells that differ only in the seed. An arm is one row of a table and one line of a figure."""

    scale: str
    method: str
    variant: str
    folders: tuple[CellFolder, ...]  # by seed

    @property
    def name(self) -> str:
        """Name in tables and figures."""
        return method_name(self.method, self.variant)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds in ascending order."""
        return tuple(folder.cell.seed for folder in self.folders)

    @property
    def options(self) -> dict[str, OptionValue]:
        """Options of the method, the same for all seeds."""
        return self.folders[0].cell.options

    @property
    def model(self) -> str:
        """Name of the base model."""
        return self.folders[0].cell.model_name

    @property
    def is_control(self) -> bool:
        """Whether its method is a control, not a rival."""
        return self.folders[0].cell.control

    @property
    def gives_credit(self) -> bool:
        """Whether tokens get credit and not only a divergence, as credit.jsonl says."""
        return any(line.measure == "credit" for folder in self.folders for line in folder.credit)

    @cached_property
    def panels(self) -> dict[str, Panel]:
        """Right (1) or wrong (0) by seeds and questions, for every benchmark that all seeds answered."""
        shared = [name for name in self.folders[0].samples if all(name in other.samples for other in self.folders)]
        return {name: self._panel(name) for name in shared}

    @cached_property
    def second_panels(self) -> dict[str, Panel]:
        """The same by the second reading, of every benchmark whose answers all have one; no verdict counts as wrong."""
        return {
            name: Panel(self._stacked(name, SECOND), panel.clusters, panel.questions, panel.seeds)
            for name, panel in self.panels.items()
            if all(
                SECOND in folder.samples[name] and folder.samples[name][SECOND].notna().any() for folder in self.folders
            )
        }

    def _stacked(self, benchmark: str, column: str) -> Float[np.ndarray, "S N"]:
        return np.stack([f.samples[benchmark][column].to_numpy(dtype=float, na_value=0.0) for f in self.folders])

    def rate(self, benchmark: str, column: str) -> float:
        """Mean of a yes-no column (``parsed``, ``truncated``) over questions and seeds."""
        return float(np.mean([folder.samples[benchmark][column].mean() for folder in self.folders]))

    def _panel(self, benchmark: str) -> Panel:
        tables = [folder.samples[benchmark] for folder in self.folders]
        questions, *others = (table["question_hash"].to_numpy() for table in tables)
        for folder, found in zip(self.folders[1:], others, strict=True):
            if not np.array_equal(found, questions):
                raise unpaired(folder, benchmark, self.folders[0])
        clusters = pd.factorize(tables[0]["cluster"])[0]
        return Panel(self._stacked(benchmark, "correct"), clusters, tuple(questions), self.seeds)


def unpaired(folder: CellFolder, benchmark: str, other: CellFolder) -> DataError:
    """Return the error for two cells that did not answer the same questions with the same settings."""
    cause = f"{benchmark} was not asked the same questions, or not with the same settings, as in {other.path}"
    return DataError(
        str(folder.path / "eval" / "samples.parquet"), cause, "evaluate both cells again", delete_and_rerun=True
    )


def read_arms(cells: Sequence[Path]) -> list[Arm]:
    """Group cell folders of one world into arms. Scales keep their order; the paper's methods come first."""
    if not cells:
        raise DataError("cells", "none given", "list at least one cell folder")
    folders = [CellFolder(Path(path)) for path in cells]
    if len(worlds := {folder.cell.world for folder in folders}) > 1:
        raise DataError("cells", f"come from several worlds ({', '.join(sorted(worlds))})", "give cells of one world")
    groups: dict[tuple[str, str, str], list[CellFolder]] = {}
    for folder in sorted(folders, key=lambda folder: folder.cell.seed):
        groups.setdefault((folder.cell.scale, folder.cell.method, folder.cell.variant), []).append(folder)
    scales = list(dict.fromkeys(folder.cell.scale for folder in folders))
    order = sorted(groups, key=lambda key: (scales.index(key[0]), method_rank(key[1], key[2])))
    return [Arm(*key, tuple(groups[key])) for key in order]


def rivals(arms: Sequence[Arm]) -> list[Arm]:
    """Those arms that are compared with each other: all but controls, which stand in tables of their own."""
    return [arm for arm in arms if not arm.is_control]


def trained(arms: Sequence[Arm]) -> list[Arm]:
    """Leave out the untrained base. Raises DataError if nothing else was given."""
    others = [arm for arm in arms if arm.method != "base"]
    if not others:
        raise DataError("cells", "only the untrained base was given", "add at least one trained cell")
    return others


def with_scored_credit(arms: Sequence[Arm]) -> list[Arm]:
    """Leave out trained arms without ``credit.jsonl``, whose credit nobody asked for; the untrained base stays."""
    return [arm for arm in arms if arm.method == "base" or any((one.path / CREDIT).exists() for one in arm.folders)]


def with_seeds(arm: Arm, seeds: Sequence[int]) -> Arm:
    """The arm with some of its seeds only."""
    return replace(arm, folders=tuple(folder for folder in arm.folders if folder.cell.seed in seeds))


def read_answers(path: Path) -> pa.Table:
    """Read the :data:`COLUMNS` of a packed evaluation. Raises DataError if the file is not one."""
    try:
        there = [SECOND] if SECOND in pq.read_schema(path).names else []
        return pq.read_table(path, columns=COLUMNS + there)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise DataError(
            str(path), f"not a readable parquet file ({error})", "unpack the archive again", delete_and_rerun=True
        ) from None
