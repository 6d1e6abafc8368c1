"""``scores.json``: accuracy, interval, unparsed and truncated rate of each benchmark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contracts.errors import DataError, EvalError
from contracts.records import BenchScore, Scores
from evals.benchmarks import BENCHMARKS, Benchmark
from evals.run import GENERATION, RESULTS
from evals.samples import read_samples
from evals.statistics.intervals import AVERAGE, Estimate, accuracies
from evals.statistics.panels import Panel

ROUNDING = 6e-5  # lmms-eval rounds MathVision to 0.01 of 100 and MMMU to 0.00001 of 1


def score(samples: Path, raw: Path, cell: str, cell_digest: str) -> Scores:
    """Compute the scores of a cell from the files that ``evals.run.evaluate`` wrote.

    Raises DataError if a file is missing or broken, and EvalError if an accuracy is not the one that lmms-eval reports.
    """
    frame = read_samples(samples).to_pandas()
    results, report = _read_json(raw / RESULTS), _read_json(raw / GENERATION)
    parts = {name: frame[frame["benchmark"] == name] for name in sorted(frame["benchmark"].unique())}
    estimates = accuracies({name: panel(part) for name, part in parts.items()})
    benchmarks = {}
    for name, part in parts.items():
        reported = results["results"].get(BENCHMARKS[name].task, {})
        check_accuracy(BENCHMARKS[name], part, reported)
        benchmarks[name] = bench_score(BENCHMARKS[name], part, estimates[name], reported)
    average = estimates[AVERAGE]
    return Scores(
        cell=cell,
        cell_digest=cell_digest,
        generation=report["settings"],
        benchmarks=benchmarks,
        average=average.value,
        average_low=average.low,
        average_high=average.high,
        seconds=sum(report["seconds"].values()),
        update_kept=report.get("update_kept"),
    )


def panel(samples: pd.DataFrame) -> Panel:
    """Outcomes of one benchmark as the intervals need them, with the seed problem of each question."""
    return Panel(samples["correct"].to_numpy()[None], samples["cluster"].factorize()[0])


def check_accuracy(bench: Benchmark, samples: pd.DataFrame, results: dict[str, Any]) -> None:
    """Raise EvalError unless the samples give the accuracy in lmms-eval's ``results`` of the task.

    DynaMath averages within each seed problem first; this is the plain mean if all have equally many variants.
    """
    member = samples["cluster" if bench.name == "dynamath" else "id"].factorize()[0]
    accuracy = float(np.mean(np.bincount(member, samples["correct"].to_numpy()) / np.bincount(member)))
    reported = results.get(f"{bench.metric},none")
    if reported is None or abs(accuracy - reported / bench.scale) > ROUNDING:
        cause = f"accuracy {accuracy:.5f} over the samples, but lmms-eval's {bench.metric} is {reported}"
        raise EvalError(bench.name, cause, "evaluate the cell again", delete_and_rerun=True)


def bench_score(bench: Benchmark, samples: pd.DataFrame, estimate: Estimate, results: dict[str, Any]) -> BenchScore:
    """One benchmark's entry of ``scores.json``."""
    return BenchScore(
        accuracy=estimate.value,
        n=len(samples),
        low=estimate.low,
        high=estimate.high,
        unparsed_rate=float(1 - samples["parsed"].to_numpy().mean()),
        truncated_rate=float(samples["truncated"].to_numpy().mean()),
        metric=bench.metric,
        other=_others(bench, results),
    )


def _others(bench: Benchmark, results: dict[str, Any]) -> dict[str, float]:
    """Further metrics of lmms-eval for the task, without its standard errors, most of which are "N/A"."""
    others = {}
    for key, value in results.items():
        metric, _, filtered = key.partition(",")
        if filtered == "none" and metric != bench.metric and "_stderr" not in metric and isinstance(value, int | float):
            others[metric] = float(value)
    return others


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise DataError(str(path), "lmms-eval's output is missing", "evaluate the cell again", delete_and_rerun=True)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(
            str(path), f"not readable as JSON ({error})", "evaluate the cell again", delete_and_rerun=True
        ) from error
