"""How long earlier jobs took and how many bytes they wrote, read from the files they left. No torch."""

from __future__ import annotations

import csv
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """Jobs that take about as long as each other."""

    rule: str
    # method/scale of a cell, kind/scale of a prepared model, scale/state of gradients, scale of a base, table's name
    subject: str = ""


Values = dict[Kind, list[float]]
# Seconds of short jobs, of which the committed run keeps no times. Measured in a run of Table 2 on two idle cores,
# 2026-11-30 (tests/workflows/lib/status/recorded_ready_bases.tsv), on which training took 0.6 and evaluation 0.55 of
# what the committed run of that day said, so these are about twice what was measured.
SHORT = {Kind(rule): seconds for rule, seconds in (
    ("problems", 8), ("benchmarks", 4), ("untrained", 1), ("check_rollouts", 93), ("check_benchmarks", 14),
    ("score", 2), ("credit", 4), ("table", 3), ("figure", 5), ("track", 16), ("track_study", 8),
)}  # fmt: skip
SHORT[Kind("figure", "figure4")] = 17  # with figure5, which draws every token; 8 s since its boxes are drawn in one go
ALIKE = {"repeat": "evaluate"}  # rules that do what another one does
EXHIBITS = ("table", "figure")  # each has a rule of its own: table_table2, figure_figure1
TIMED = ("cell.json", "run.json", "eval/scores.json")  # a cell's records that hold times


@dataclass(frozen=True)
class Past:
    """Every finished job's time and size; a kind without a record is absent."""

    seconds: Values = field(default_factory=lambda: defaultdict(list))  # of training: per step
    size: Values = field(default_factory=lambda: defaultdict(list))  # bytes


def kind_of(rule: str, wildcards: dict[str, str]) -> Kind:
    """The kind of a job with these wildcards."""
    if "state" in wildcards:
        return Kind(rule, f"{wildcards['scale']}/{wildcards['state']}")
    if "kind" in wildcards:
        return Kind(rule, f"{wildcards['kind']}/{wildcards['scale']}")
    if "seed" in wildcards:
        return Kind(rule, f"{wildcards.get('method', 'base')}/{wildcards['scale']}")
    if "base" in wildcards:
        return Kind(rule, wildcards["base"].split("/")[0])
    kind, _, name = rule.partition("_")
    return Kind(kind, name) if kind in EXHIBITS else Kind(rule, " ".join(wildcards.values()))


@dataclass(frozen=True)
class PreviousRun:
    """Job times of an earlier run, such as the committed one; they estimate this run's remaining time.

    ``results`` is a results folder or an archive of one; it is read when a time is first asked for.
    """

    results: Path
    steps: Callable[[dict[str, str]], int]  # training steps of the cell with these wildcards

    @cached_property
    def _past(self) -> Past:
        return read_past(self.results)

    def seconds(self, rule: str, wildcards: dict[str, str]) -> float | None:
        """Median seconds of such a job, since some ran on a busy machine; of a short one :data:`SHORT`; else None.

        An evaluation takes as long for every method of its scale. A training of a method that the earlier run did not
        have is taken to need what the other methods of its scale needed.
        """
        kind = kind_of(ALIKE.get(rule, rule), wildcards)
        times = self._past.seconds.get(kind)
        if kind.rule == "evaluate" or (kind.rule == "train" and not times):
            times = self._of_scale(kind)
        if not times:
            return SHORT.get(kind, SHORT.get(Kind(kind.rule)))
        return median(times) * (self.steps(wildcards) if rule == "train" else 1)

    def _of_scale(self, kind: Kind) -> list[float]:
        """Times of the rule's jobs at the scale of ``kind``, of all methods."""
        scale = kind.subject.rpartition("/")[2]
        found = self._past.seconds.items()
        alike = (times for (rule, subject), times in found if (rule, subject.rpartition("/")[2]) == (kind.rule, scale))
        return list(chain.from_iterable(alike))


def read_past(results: Path) -> Past:
    """Times and sizes of the finished jobs below ``results``; files that are missing or half written are left out.

    Of an archive, which has no cell folders, the times of training and evaluation.
    """
    past = Past()
    for kind, seconds in chain(_times(results), _packed_times(results)):
        if seconds is not None:
            past.seconds[kind].append(seconds)
    for kind, size in _sizes(results):
        if size > 0:
            past.size[kind].append(size)
    return past


def size_of(folder: Path) -> float:
    """Bytes of all files below ``folder``, links followed; 0 if there is none."""
    files = (Path(parent, name) for parent, _, names in os.walk(folder, followlinks=True) for name in names)
    return float(sum(file.stat().st_size for file in files if file.exists()))


def _times(results: Path) -> Iterator[tuple[Kind, float | None]]:
    for cell, subject in _cells(results):
        yield from _cell_times(subject, *(_text(cell / file) for file in TIMED))
        yield Kind("score", subject), _benchmark(cell / "eval" / "score.time.tsv")
        yield Kind("credit", subject), _benchmark(cell / "credit.time.tsv")
        yield Kind("untrained", subject), _benchmark(cell / "untrained.time.tsv")
    for base, scale in _bases(results):
        yield Kind("base_model", scale), _number(_json(base / "base.json").get("seconds"))
        yield Kind("check_rollouts", scale), _benchmark(base / "check.time.tsv")
    for record in _prepared(results):
        yield Kind("prepare", _subject(results, record)), _all_phases(_json(record))
    for kind in ("gradients", "truth"):
        for line in _text(results / kind / "measurements.jsonl").splitlines():
            report = _fields(line)
            yield Kind(kind, f"{report.get('scale')}/{report.get('state')}"), _number(report.get("seconds"))
    for log in sorted(results.glob("logs/*.time.tsv")):
        yield _kind_of_log(log.name.removesuffix(".time.tsv")), _benchmark(log)


def _packed_times(archive: Path) -> Iterator[tuple[Kind, float | None]]:
    if (archive / "records.parquet").exists():
        from evals.analysis.cell_texts import read_texts  # imports pyarrow, which no other planning needs

        for cell, texts in read_texts(archive, TIMED).items():
            subject = "/".join(cell.split("/")[:2])
            if cost := _fields(texts.get(TIMED[1], "")).get("prepared"):
                yield Kind("prepare", f"{cost.get('kind')}/{cell.split('/')[1]}"), _number(cost.get("seconds"))
            yield from _cell_times(subject, *(texts.get(file, "") for file in TIMED))


def _cell_times(subject: str, cell: str, run: str, scores: str) -> Iterator[tuple[Kind, float | None]]:
    """Times in the texts of a cell's three records, in the order of :data:`TIMED`."""
    yield Kind("train", subject), _seconds_per_step(cell, run)
    yield Kind("evaluate", subject), _number(_fields(scores).get("seconds"))


def _sizes(results: Path) -> Iterator[tuple[Kind, float]]:
    for cell, subject in _cells(results):
        answers = size_of(cell / "eval")
        yield Kind("evaluate", subject), answers
        if (cell / "run.json").exists():
            yield Kind("train", subject), size_of(cell) - answers
    for base, scale in _bases(results):
        yield Kind("base_model", scale), size_of(base / "model")
    for record in _prepared(results):
        yield Kind("prepare", _subject(results, record)), size_of(record.parent)
    yield Kind("problems"), size_of(results / "data")
    yield Kind("benchmarks"), size_of(results / "benchmarks")


def _cells(results: Path) -> list[tuple[Path, str]]:
    """Folders of all cells, with method/scale."""
    cells = sorted(results.glob("cells/*/*/*/s*"))
    return [(cell, "/".join(cell.relative_to(results).parts[1:3])) for cell in cells]


def _bases(results: Path) -> list[tuple[Path, str]]:
    """Folders of all base models, ``<scale>`` or ``<scale>/s<seed>``, with the scale."""
    reports = sorted(results.glob("models/**/base.json"))
    return [(report.parent, report.relative_to(results / "models").parts[0]) for report in reports]


def _prepared(results: Path) -> list[Path]:
    """Records of all prepared models."""
    return sorted(results.glob("prepared/*/*/*/s*/prepared.json"))


def _all_phases(record: dict[str, Any]) -> float | None:
    """Seconds of all phases of a record that has some."""
    phases = record.get("seconds")
    return sum(phases.values()) if phases else None


def _subject(results: Path, record: Path) -> str:
    """``kind/scale`` of a prepared model."""
    return "/".join(record.relative_to(results).parts[1:3])


def _kind_of_log(name: str) -> Kind:
    """Logs are named after their rules, all but one."""
    return Kind("check_benchmarks") if name == "check" else kind_of(name, {})


def _seconds_per_step(cell: str, run: str) -> float | None:
    """Seconds of a complete run divided by its number of steps: runs of other lengths are estimated from it."""
    phases = _fields(run).get("seconds")
    steps = _fields(cell).get("options", {}).get("steps")
    return sum(phases.values()) / steps if phases and steps else None


def _json(path: Path) -> dict[str, Any]:
    return _fields(_text(path))


def _text(path: Path) -> str:
    """Empty where the file is missing or unreadable."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _fields(text: str) -> dict[str, Any]:
    """The fields of a JSON object; none where the text is empty or half written."""
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _benchmark(path: Path) -> float | None:
    """Seconds in a file of Snakemake's ``benchmark``."""
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines(), delimiter="\t"))
        return float(rows[0]["s"])
    except (OSError, ValueError, IndexError, KeyError):
        return None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
