"""Evaluate one model, with or without an adapter, on the benchmarks; writes lmms-eval's results and our samples."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from contracts.errors import EvalError
from contracts.files import write_text
from evals.answer_folder import AnswerFolder, identity
from evals.benchmarks import BENCHMARKS
from evals.harness import go_offline, run_lmms_eval
from evals.inputs import check_environment, check_model, check_weights, read_benchmark
from evals.samples import check_complete, sample_row, write_samples
from evals.settings import EvalSettings

RESULTS = "results.json"  # lmms-eval's own results, its per-sample records beside it as samples_<benchmark>.jsonl
GENERATION = "generation.json"  # settings that reached the sampler, seconds by phase
ANSWERS = "answers"  # folder of the answers so far, beside the samples; gone once those are written


def evaluate(
    cell_name: str,
    base: Path,
    adapter: Path | None,
    benchmarks: dict[str, Path],
    settings: EvalSettings,
    seed: int,
    samples: Path,
    raw: Path,
    progress: Callable[[int, int], None] | None = None,
    weights: str = "adapter",
    depends: str = "",
) -> None:
    """Ask the model of a cell each question of ``benchmarks`` (name -> parquet) once.

    Writes ``samples`` (parquet, evals/samples.py) and into the folder ``raw`` lmms-eval's results and records.
    ``progress`` is told questions answered and questions in all; ``weights`` is the cell's option ``eval_weights``.
    Answers are written to a folder beside ``samples`` as they come; a run after a kill goes on from them where
    ``depends``, all that decides an answer as the workflow knows it, sampling and weights are the same.
    To be run in a process of its own: lmms-eval takes seconds to import and changes global state. Raises ConfigError,
    DataError or EvalError and then writes neither of them.
    """
    started = time.perf_counter()
    go_offline()
    check_environment()
    check_model(base, adapter)
    check_weights(base, adapter)
    rows = {name: read_benchmark(name, path, settings.limit) for name, path in benchmarks.items()}
    checked = time.perf_counter()
    kept = AnswerFolder(
        samples.parent / ANSWERS, identity([depends, sampled_as(settings, seed), weights], [base, adapter])
    )
    model = _load_model(base, adapter, settings, seed, progress, weights, kept)
    loaded = time.perf_counter()
    results = run_lmms_eval(model, benchmarks, settings)
    table = collect(results, rows, model.answers, f"evaluate cell {cell_name} again")
    check_settings(model.answers, settings)
    seconds = {"check": checked - started, "load": loaded - checked, "generate": model.seconds}
    seconds["lmms_eval"] = time.perf_counter() - loaded - model.seconds
    report = {"cell": cell_name, "settings": settings.generation(), "seed": seed, "seconds": seconds}
    if model.update_kept is not None:
        report["update_kept"] = model.update_kept
    write_raw(raw, results, report)
    write_samples(table, samples)
    kept.remove()


def sampled_as(settings: EvalSettings, seed: int) -> str:
    """The settings that an answer depends on; those of speed are left out."""
    return json.dumps([settings.generation(), settings.seed, seed, settings.dtype])


def _load_model(
    base: Path,
    adapter: Path | None,
    settings: EvalSettings,
    seed: int,
    progress: Callable[[int, int], None] | None,
    weights: str,
    kept: AnswerFolder,
) -> Any:  # noqa: ANN401
    from evals.local_model import CepoLocal  # imports torch and lmms-eval

    return CepoLocal(
        str(base),
        None if adapter is None else str(adapter),
        device=settings.device,
        dtype=settings.dtype,
        batch_size=settings.batch_size,
        seed=f"{settings.seed}/{seed}",
        progress=progress,
        weights=weights,
        kept=kept,
        least_tokens=settings.least_tokens,
    )


def collect(
    results: dict[str, Any], rows: dict[str, list[dict[str, Any]]], answers: Mapping[tuple[str, int], Any], retry: str
) -> list[dict[str, Any]]:
    """Make the rows of ``samples.parquet`` from lmms-eval's results. EvalError unless every question was scored."""
    table = []
    for name, asked in rows.items():
        bench = BENCHMARKS[name]
        samples = results["samples"].get(bench.task, [])
        check_complete(bench, samples, asked, retry)
        for sample in sorted(samples, key=lambda sample: sample["doc_id"]):
            row = sample["doc_id"]
            table.append(sample_row(bench, sample, asked[row], answers[bench.task, row]))
    return table


def check_settings(answers: Mapping[tuple[str, int], Any], settings: EvalSettings) -> None:
    """Raise EvalError unless every response was sampled with exactly the settings asked for."""
    for (task, row), answer in answers.items():
        own = {} if settings.max_new_tokens else {"max_new_tokens": answer.settings["max_new_tokens"]}
        if answer.settings != settings.generation() | own:
            cause = f"row {row} was sampled with {answer.settings}, not with {settings.generation()}"
            raise EvalError(task, cause, "use lmms-eval 0.7.3, which passes all of them to the model")


def write_raw(raw: Path, results: dict[str, Any], report: dict[str, Any]) -> None:
    """Write lmms-eval's results and records, and our report on the sampling, to the folder ``raw``."""
    own = {key: value for key, value in results.items() if key != "samples"}
    write_text(raw / RESULTS, json.dumps(own, indent=1, default=_name))
    for bench in BENCHMARKS.values():
        if bench.task in results["samples"]:
            lines = [json.dumps(sample, default=_name, ensure_ascii=False) for sample in results["samples"][bench.task]]
            write_text(raw / f"samples_{bench.name}.jsonl", "\n".join(lines) + "\n")
    write_text(raw / GENERATION, json.dumps(report, indent=1))


def _name(value: object) -> str:
    """Write a function as its name, without its address in memory, so that the same run writes the same text."""
    return getattr(value, "__qualname__", str(value))
