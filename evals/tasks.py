"""Task files for lmms-eval: its own five tasks under their own names. Only the place of the data is changed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import yaml

from contracts.errors import EvalError
from evals.benchmarks import BENCHMARKS, Benchmark


def upstream_tasks() -> Path:
    """Folder ``lmms_eval/tasks`` of the installed package, which is not imported for that."""
    spec = find_spec("lmms_eval")
    if spec is None or spec.origin is None:
        raise EvalError("lmms_eval", "the package is not installed", "run 'make' to set up the environment")
    return Path(spec.origin).parent / "tasks"


def task_config(bench: Benchmark, data: Path, cache: Path) -> dict[str, object]:
    """The task's YAML as a dict: upstream's file included, ``data`` (parquet) as its split, ``cache`` for datasets."""
    config: dict[str, object] = {
        "include": str(upstream_tasks() / bench.yaml),
        "task": bench.task,
        "dataset_path": "parquet",
        "dataset_kwargs": {"data_files": {bench.split: str(data.resolve())}, "cache_dir": str(cache.resolve())},
    }
    if bench.name == "wemath":
        # Upstream's strict and loose scores assume all 525 problems and divide by zero when no multi-step question is
        # right, which would lose all results. The accuracy of the paper's table is acc_score; per-sample scoring stays.
        config["metric_list"] = [
            {"metric": metric, "aggregation": "mean", "higher_is_better": True}
            for metric in ("acc_score", "format_score")
        ]
    return config


def write_tasks(folder: Path, data: dict[str, Path], cache: Path) -> list[str]:
    """Write one task file per benchmark of ``data`` (name -> parquet) to ``folder``; returns the task names.

    Load them with ``TaskManager(include_path=folder, include_defaults=False)``. With the defaults, lmms-eval would use
    its own task of the same name instead, without saying so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in data.items():
        text = yaml.safe_dump(task_config(BENCHMARKS[name], path, cache), sort_keys=False)
        (folder / f"{name}.yaml").write_text(text)
    return [BENCHMARKS[name].task for name in data]
