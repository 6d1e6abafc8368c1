"""Read finished cells: their records, and their answers as arrays that line up question by question. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from pydantic import ValidationError

from evals.analysis.statistics import Panel
from evals.benchmarks import BENCHMARKS
from workflows.lib.errors import DataError
from workflows.lib.records import Cell, Record, Run, Scores, Step

R = TypeVar("R", bound=Record)

COLUMNS = ("benchmark", "id", "question_hash", "correct", "truncated", "parsed")
PAPER_ORDER = ("base", "grpo", "opsd", "sdpo", "rlsd", "cepo")  # rows of the paper's Table 2


def parse(model: type[R], text: str, place: str) -> R:
    """``text`` (JSON) as a record; DataError naming ``place`` and the first wrong field otherwise."""
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "file"
        raise DataError(place, f"{field}: {first['msg']}", "delete the file and run the workflow again") from None


def read_text(path: Path) -> str:
    """Content of a file that a finished cell must have; DataError if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(str(path), f"cannot be read ({error})", "run the cell again") from None


@dataclass(frozen=True)
class CellFolder:
    """One cell on disk; every file is read once, when it is first asked for."""

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
    def steps(self) -> list[Step]:
        """``train.jsonl`` in order of steps."""
        path = self.path / "train.jsonl"
        lines = [line for line in read_text(path).splitlines() if line.strip()]
        steps = [parse(Step, line, f"{path}:{number}") for number, line in enumerate(lines, 1)]
        if not steps:
            raise DataError(str(path), "holds no step", "run the cell again")
        return sorted(steps, key=lambda step: step.step)

    @cached_property
    def samples(self) -> pd.DataFrame:
        """``eval/samples.parquet`` in order of benchmark and id."""
        path = self.path / "eval" / "samples.parquet"
        try:
            table = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise DataError(str(path), f"cannot be read ({error})", "run the evaluation again") from None
        if missing := [name for name in COLUMNS if name not in table]:
            raise DataError(str(path), f"lacks the columns {', '.join(missing)}", "run the evaluation again")
        return table.sort_values(["benchmark", "id"], ignore_index=True)

    def _record(self, model: type[R], name: str) -> R:
        return parse(model, read_text(self.path / name), str(self.path / name))


@dataclass(frozen=True)
class Arm:
    """Cells that differ in nothing but the seed: one row of a table, one line of a figure."""

    scale: str
    method: str
    variant: str
    folders: tuple[CellFolder, ...]  # by seed

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds in ascending order."""
        return tuple(folder.cell.seed for folder in self.folders)

    @property
    def name(self) -> str:
        """Name in tables and figures: the paper's methods as the paper writes them, any other as its file is called."""
        shown = self.method.upper() if self.method in PAPER_ORDER else self.method
        shown = "Base" if self.method == "base" else shown
        return shown if self.variant == "default" else f"{shown} ({self.variant})"

    @property
    def model(self) -> str:
        """Name of the base model."""
        return self.folders[0].cell.model_name


def _rank(key: tuple[str, str, str], scales: Sequence[str]) -> tuple[int, int, str, str, str]:
    scale, method, variant = key
    place = PAPER_ORDER.index(method) if method in PAPER_ORDER else len(PAPER_ORDER)
    return scales.index(scale), place, method, "" if variant == "default" else variant, variant


def read_arms(cells: Sequence[Path]) -> list[Arm]:
    """Group cell folders into arms: scales in the order given, then the paper's methods, then others by name."""
    groups: dict[tuple[str, str, str], list[CellFolder]] = {}
    for path in cells:
        folder = CellFolder(Path(path))
        groups.setdefault((folder.cell.scale, folder.cell.method, folder.cell.variant), []).append(folder)
    if not groups:
        raise DataError("cells", "none given", "list at least one cell folder")
    if len(worlds := {folder.cell.world for group in groups.values() for folder in group}) > 1:
        raise DataError("cells", f"come from several worlds ({', '.join(sorted(worlds))})", "give cells of one world")
    scales = list(dict.fromkeys(scale for scale, _, _ in groups))
    return [
        Arm(*key, tuple(sorted(groups[key], key=lambda folder: folder.cell.seed)))
        for key in sorted(groups, key=lambda key: _rank(key, scales))
    ]


def benchmarks_of(arms: Sequence[Arm]) -> list[str]:
    """Benchmarks that occur in the samples, in the paper's order, unknown ones last."""
    found = {name for arm in arms for folder in arm.folders for name in folder.samples["benchmark"].unique()}
    return [name for name in BENCHMARKS if name in found] + sorted(found - BENCHMARKS.keys())


def panel(arm: Arm, benchmark: str, column: str = "correct") -> Panel | None:
    """Values of ``column`` (0 or 1) per seed and question; None if no seed has the benchmark.

    Raises DataError if the seeds did not answer the same questions.
    """
    tables = [folder.samples[folder.samples["benchmark"] == benchmark] for folder in arm.folders]
    if all(table.empty for table in tables):
        return None
    asked = tables[0]["question_hash"].to_numpy()
    for folder, table in zip(arm.folders, tables, strict=True):
        if not np.array_equal(table["question_hash"].to_numpy(), asked):
            place = str(folder.path / "eval" / "samples.parquet")
            raise DataError(place, f"{benchmark}: not the questions of {arm.folders[0].path}", "evaluate both again")
    values = np.stack([table[column].to_numpy(dtype=float) for table in tables])
    return Panel(values, seed_problems(benchmark, tables[0]["id"]), tuple(asked))


def seed_problems(benchmark: str, ids: pd.Series) -> np.ndarray:
    """Cluster code (0, 1, ...) of each item: items that vary one seed problem are not independent."""
    known = BENCHMARKS.get(benchmark)
    keys = ids.astype(str)
    if known is not None and known.cluster is not None:
        keys = keys.str.split("/").str[0]
    return pd.factorize(keys)[0]
