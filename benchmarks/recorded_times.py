"""Reads what the jobs of a results folder recorded about their own time, for where_time_goes.py."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from contracts.errors import DataError
from contracts.gradients import GradientReport
from contracts.prepared import PreparedReport
from contracts.reading import read_record, read_text
from contracts.records import Run
from contracts.truth import TruthReport

PARTS = {
    "problems": "data",
    "benchmarks": "data",
    "base_model": "bases",
    "check_rollouts": "bases",
    "check_benchmarks": "bases",
    "prepare": "preparation",
    "train": "training",
    "gradients": "gradients and truth",
    "gradient_estimates": "gradients and truth",
    "truth": "gradients and truth",
    "truth_estimates": "gradients and truth",
    "untrained": "evaluation",
    "evaluate": "evaluation",
    "repeat": "evaluation",
    "score": "scoring",
    "credit": "scoring",
    "track": "tracking",
    "track_study": "tracking",
}
EXHIBITS = ("table", "figure")  # each has a rule of its own: table_table2, figure_figure1
TIMED = ".time.tsv"  # files of Snakemake's ``benchmark``
RENAMED = {"logs/check": "check_benchmarks"}  # the only file of TIMED that is not named after its rule, but for bases'


@dataclass(frozen=True)
class Recorded:
    """What one job recorded."""

    rule: str
    path: Path  # the file that says so
    seconds: float | None  # of the clock; None: it was made somewhere else, as a ready-made base
    processor: float | None = None  # seconds of a processor, where they were recorded
    phases: dict[str, float] = field(default_factory=dict)


def part_of(rule: str) -> str:
    """The part of a run that a rule belongs to."""
    return "tables and figures" if rule.partition("_")[0] in EXHIBITS else PARTS.get(rule, "other")


def read_records(results: Path) -> list[Recorded]:
    """What every job below ``results`` recorded. DataError if the folder holds none, or if a record is broken."""
    found = [*_bases(results), *_trained(results), *_evaluated(results), *_measured(results), *_timed(results)]
    if not found:
        raise DataError(str(results), "no finished job has left a record here", "give the results folder of a run")
    return found


def _bases(results: Path) -> Iterator[Recorded]:
    for path in sorted(results.glob("models/**/base.json")):
        report = json.loads(read_text(path))
        yield Recorded("base_model", path, None if "ready_made" in report else report.get("seconds"))


def _trained(results: Path) -> Iterator[Recorded]:
    for path in sorted(results.glob("prepared/*/*/*/s*/prepared.json")):
        report = read_record(PreparedReport, path)
        yield Recorded("prepare", path, sum(report.seconds.values()), phases=report.seconds)
    for path in sorted(results.glob("cells/*/*/*/s*/run.json")):
        run = read_record(Run, path)
        yield Recorded("train", path, sum(run.seconds.values()), phases=run.seconds)


def _evaluated(results: Path) -> Iterator[Recorded]:
    for rule, pattern in (("evaluate", "eval"), ("repeat", "repeats/*")):
        for path in sorted(results.glob(f"cells/*/*/*/s*/{pattern}/lmms/generation.json")):
            phases = json.loads(read_text(path))["seconds"]
            yield Recorded(rule, path, sum(phases.values()), phases=phases)


def _measured(results: Path) -> Iterator[Recorded]:
    for path in sorted(results.glob("gradients/*/*/s*/gradients.json")):
        yield Recorded("gradients", path, read_record(GradientReport, path).seconds)
    for path in sorted(results.glob("truth/*/*/s*/truth.json")):
        yield Recorded("truth", path, read_record(TruthReport, path).seconds)


def _timed(results: Path) -> Iterator[Recorded]:
    for path in sorted(results.rglob(f"*{TIMED}")):
        name = path.relative_to(results).as_posix().removesuffix(TIMED)
        base = name.startswith("models/")
        rule = "check_rollouts" if base else RENAMED.get(name, name.rpartition("/")[2])
        rows = list(csv.DictReader(read_text(path).splitlines(), delimiter="\t"))
        if not rows or not {"s", "cpu_time"} <= rows[0].keys():
            raise DataError(str(path), "not a file of Snakemake's benchmark", "delete it")
        yield Recorded(rule, path, float(rows[0]["s"]), _number(rows[0]["cpu_time"]))


def _number(text: str) -> float | None:
    """Snakemake writes NA for what it could not measure, as of jobs that end at once."""
    return None if text in ("NA", "-", "") else float(text)
