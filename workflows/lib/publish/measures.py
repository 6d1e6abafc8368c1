"""What a finished cell has to tell, flattened to the params, tags and metrics of a tracker."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime

from contracts.records import Run, Scores, TrainingStep
from evals.analysis.cells import CellFolder
from evals.analysis.display import method_name
from workflows.lib.publish.tracked_run import MetricPoint, TrackedRun

FILES = ("cell.json", "run.json", "train.jsonl", "eval/scores.json")  # of a cell, where they exist
STEP = [
    *("reward_mean", "accuracy", "format_rate", "all_right", "mixed", "all_wrong", "response_length", "truncated"),
    *("loss", "grad_norm", "lr", "clip_low", "clip_high", "dual_clip", "lam", "entropy", "delta_w", "tokens"),
    *("grade_timeouts", "other_grader", "val_accuracy"),
]  # fields of a TrainingStep that are one number
NAMED = ["method", "scale", "variant", "seed", "model_name", "engine", "device"]  # fields of a Cell that are params
BENCH = {
    "acc": "accuracy",
    "n": "n",
    "low": "low",
    "high": "high",
    "unparsed": "unparsed_rate",
    "cut": "truncated_rate",
}


def cell_run(cell: CellFolder, experiments: Iterable[str]) -> TrackedRun:
    """A cell, tagged with the experiments that hold it."""
    files = [cell.path / file for file in FILES if (cell.path / file).exists()]
    return TrackedRun(
        name=cell.cell.name,
        digest=cell.cell.digest,
        tags=tags_of(cell) | {f"experiment/{name}": "true" for name in experiments},
        files=files,
        params=lambda: params_of(cell),
        points=lambda: points_of(cell),
        started=lambda: started_at(cell),
        datasets=lambda: datasets_of(cell),
        seconds=cell.run.wall_seconds if cell.run is not None else 0.0,
    )


def params_of(cell: CellFolder) -> dict[str, str]:
    """The names of the cell and every option it ran with."""
    record = cell.cell
    named = {key: str(getattr(record, key)) for key in NAMED}
    sampling = {f"evaluation/{key}": str(value) for key, value in cell.scores.generation.items()}
    return named | {f"option/{key}": str(value) for key, value in record.options.items()} | sampling


def tags_of(cell: CellFolder) -> dict[str, str]:
    """Where the cell comes from: folder, digests, commit, machine; and what MLflow's pages show of a run."""
    tags = {"cell": cell.cell.name, "cell_digest": cell.cell.digest, "folder": str(cell.path), "world": cell.cell.world}
    tags |= {f"digest/{key}": value for key, value in cell.cell.digests.items()}
    if cell.run is not None:
        tags |= {"git_sha": str(cell.run.git_sha), "git_dirty": str(cell.run.git_dirty), "machine": cell.run.machine}
        tags |= {f"version/{key}": value for key, value in cell.run.versions.items()}
        tags |= {"mlflow.source.git.commit": cell.run.git_sha} if cell.run.git_sha else {}
    source = {"mlflow.source.name": f"make cell CELL={cell.cell.name}", "mlflow.source.type": "LOCAL"}
    return tags | source | {"mlflow.note.content": _described(cell)}


def _described(cell: CellFolder) -> str:
    """The cell in a sentence that begins with its accuracy, since a table of runs shows the beginning only."""
    record, scores = cell.cell, cell.scores
    of = f"{method_name(record.method, record.variant)} on {record.model_name}, seed {record.seed}"
    low, high = 100 * scores.average_low, 100 * scores.average_high
    return (
        f"{100 * scores.average:.1f} % [{low:.1f}, {high:.1f}] average accuracy, 95 % interval over questions; {of}. "
        f"Files: {cell.path}"
    )


def datasets_of(cell: CellFolder) -> dict[str, dict[str, str]]:
    """The problems it was trained on and the questions it was asked, by use: fields of MLflow's datasets."""
    record = cell.cell
    results = "/".join(cell.path.parts[:-5])
    hashes = [key for table in cell.samples.values() for key in table["question_hash"]]
    asked = hashlib.sha256("".join(hashes).encode()).hexdigest()
    found = {"eval": _dataset(f"{record.world} benchmarks", asked, f"{results}/benchmarks")}
    if (digest := record.digests.get("data")) is not None:
        found["training"] = _dataset(f"{record.world} problems", digest, f"{results}/data/train.parquet")
    return found


def _dataset(name: str, digest: str, path: str) -> dict[str, str]:
    return {"name": name, "digest": digest[:36], "source_type": "local", "source": json.dumps({"uri": path})}


def started_at(cell: CellFolder) -> int:
    """Milliseconds since 1970 at which training began; for the untrained base, at which it was scored."""
    if cell.run is None:
        return int((cell.path / "eval" / "scores.json").stat().st_mtime * 1000)
    return round(datetime.fromisoformat(cell.run.started).timestamp() * 1000)


def points_of(cell: CellFolder) -> Iterator[MetricPoint]:
    """Every metric of the cell: per step, of the whole run, of the evaluation. An absent value gives no point."""
    second = 0.0
    if cell.run is not None:
        for step in cell.steps:
            second += sum(step.seconds.values())
            yield from (MetricPoint(f"train/{key}", value, step.step, second) for key, value in _step(step))
        yield from (MetricPoint(f"run/{key}", value, 0, second) for key, value in _run(cell.run))
    yield from (MetricPoint(f"eval/{key}", value, 0, second) for key, value in _scores(cell.scores))


def _step(step: TrainingStep) -> Iterator[tuple[str, float]]:
    for key in STEP:
        if getattr(step, key) is not None:
            yield key, float(getattr(step, key))
    evidence = {} if step.evidence is None else step.evidence.model_dump()
    gap = {} if step.rollout_gap is None else step.rollout_gap.model_dump()
    groups = {
        "seconds": step.seconds,
        "reference_missing": step.reference_missing,
        "evidence": evidence,
        "rollout_gap": gap,
    }
    for group, values in groups.items():
        yield from ((f"{group}/{key}", float(value)) for key, value in values.items() if value is not None)


def _run(run: Run) -> Iterator[tuple[str, float]]:
    yield from (("wall_seconds", run.wall_seconds), ("peak_memory_mb", run.peak_memory_mb))
    yield from ((f"seconds/{key}", value) for key, value in run.seconds.items())
    if run.prepared is not None:
        spent = run.prepared.model_dump(include={"seconds", "tokens", "networks"})
        yield from ((f"prepared/{key}", float(value)) for key, value in spent.items())
    if run.val_accuracy_start is not None:
        yield "val_accuracy_start", run.val_accuracy_start


def _scores(scores: Scores) -> Iterator[tuple[str, float]]:
    yield from (("average", scores.average), ("average_low", scores.average_low), ("average_high", scores.average_high))
    yield "seconds", scores.seconds
    for name, bench in scores.benchmarks.items():
        yield from ((f"{name}/{key}", value) for key, value in bench.other.items())
        yield from ((f"{name}/{key}", float(getattr(bench, part))) for key, part in BENCH.items())
