"""Write datasets of the hub in the form that cells read: problems in Geo3k's schema, benchmarks in their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.errors import DataError
from contracts.files import replacing
from evals.benchmarks import BENCHMARKS
from workflows.lib.config.schema import HubData, Problems
from workflows.lib.hub.needs import dataset, patterns, present, read_lock


def write_problems(problems: Problems, lock: Path, folder: Path) -> None:
    """Write ``train``, ``validation`` and ``test.parquet`` from what was fetched; DataError if a row is not usable."""
    from methods.engines.shared.problems import load_problems

    source = present(dataset("problems", problems, problems.splits.values()), read_lock(lock))
    for ours, split in problems.splits.items():
        path = folder / f"{ours}.parquet"
        _join(source, split, path)
        load_problems(path)


def write_benchmarks(data: Mapping[str, HubData], lock: Path, folder: Path) -> None:
    """Write ``<benchmark>.parquet`` from what was fetched; DataError if a row or the number of rows is not right."""
    from evals.inputs import read_benchmark

    for name, chosen in data.items():
        bench, path = BENCHMARKS[name], folder / f"{name}.parquet"
        source = present(dataset(f"benchmark_data.{name}", chosen, [bench.split]), read_lock(lock))
        _join(source, bench.split, path)
        rows = len(read_benchmark(name, path, None))
        if rows != bench.items:
            cause = f"has {rows} rows, the paper's benchmark has {bench.items}"
            raise DataError(f"{chosen.repo}, split {bench.split}", cause, "choose another revision")


def _join(source: Path, split: str, target: Path) -> None:
    """Join the parquet files of a split to one file, with the schema that it has on the hub."""
    files = sorted({path for pattern in patterns(split) for path in source.glob(pattern)})
    tables = [pq.read_table(path) for path in files]
    with replacing(target) as temporary:
        pq.write_table(pa.concat_tables(tables), temporary)
