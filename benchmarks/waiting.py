"""How long one waits for a cell: from the cache, with nothing to do, and by parts for its evaluation.

A finished checkout is copied, so nothing of it is changed. Seconds of the clock depend on what else the machine does;
seconds of a processor, of all processes of a command together, hardly do.

    .venv/bin/python benchmarks/waiting.py . --cell cepo/small/default/s1
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from planning import processor_seconds
from tabulate import tabulate

MAKE = ("make", "-o", ".venv/.ready")  # what is installed stays as it is
RESULTS = "results/micro"
IMPORTS = {
    "importing Snakemake": "import snakemake.cli",
    "importing MLflow": "import mlflow",
    "importing torch, transformers, PEFT": "import torch, transformers, peft",
    "importing lmms-eval": "import lmms_eval.evaluator",
}
# Seconds of a processor in place of the clock's, in all that evaluate() reports.
EVALUATE = """
import sys, time
time.perf_counter = time.process_time
from pathlib import Path
from evals.run import evaluate
from evals.settings import EvalSettings
cell, base, benchmarks, out = sys.argv[1:]
evaluate(
    cell, Path(base), Path("results/micro/cells") / cell / "adapter",
    {path.stem: path for path in sorted(Path(benchmarks).glob("*.parquet"))},
    EvalSettings(presence_penalty=0.0, max_new_tokens=96), 1, Path(out) / "samples.parquet", Path(out) / "lmms",
)
import json
for name, spent in json.loads((Path(out) / "lmms" / "generation.json").read_text())["seconds"].items():
    print(name, spent)
print("all", time.process_time())
"""
Row = tuple[str, float | None, float]  # what, seconds of the clock, of a processor


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "checkout", type=Path, help="an installed checkout whose results/micro and .cache hold the cell"
    )
    parser.add_argument("--cell", default="cepo/small/default/s1")
    return parser.parse_args()


def copied(checkout: Path, place: Path) -> Path:
    """A copy that has the same results, cache and records of Snakemake, and shares what is installed."""
    copy = place / "checkout"
    shutil.copytree(
        checkout, copy, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv*", "locks", "incomplete")
    )
    (copy / ".venv").symlink_to((checkout / ".venv").resolve())
    return copy


def timed(copy: Path, command: Sequence[str]) -> tuple[float, float, str]:
    """Seconds of the clock and of a processor that a command takes, and what it prints. Raises if it fails."""
    used, began = processor_seconds(), time.perf_counter()
    env = os.environ | {"PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True, check=False)
    spent, used = time.perf_counter() - began, processor_seconds() - used
    if done.returncode:
        sys.exit(f"{' '.join(command)}: ended with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return spent, used, done.stdout


def of_a_cell(copy: Path, cell: str) -> Iterator[Row]:
    """``make cell``: from the cache, then with nothing to do, and its two halves."""
    made = (*MAKE, "cell", f"CELL={cell}")
    folder = copy / RESULTS / "cells" / cell
    timed(copy, made)  # so that what the copy lacks is there
    shutil.rmtree(folder)
    yield "make cell, everything from the cache", *timed(copy, made)[:2]
    yield "make cell, nothing to do", *timed(copy, made)[:2]
    python = str(copy / ".venv" / "bin" / "python")
    snakemake = (python, "-m", "snakemake", "--workflow-profile", "workflows/profiles/local", "--cores", "1", "cell")
    yield "- Snakemake's part", *timed(copy, (*snakemake, "--config", f"cell={cell}"))[:2]
    told = (python, "-m", "workflows.lib.publish.finished_cell", cell, RESULTS)
    yield "- what is printed and tracked at its end", *timed(copy, told)[:2]
    for what, line in IMPORTS.items():
        yield f"- {what}", *timed(copy, (python, "-c", line))[:2]


def of_evaluation(copy: Path, cell: str) -> Iterator[Row]:
    """An evaluation in a process of its own, by the parts that it reports; seconds of a processor only."""
    _, scale, _, seed = cell.split("/")
    base = copy / RESULTS / "models" / scale / seed / "model"
    place = copy / "evaluated"
    python = str(copy / ".venv" / "bin" / "python")
    asked = (cell, str(base), str(copy / RESULTS / "benchmarks"), str(place))
    _, used, text = timed(copy, (python, "-c", EVALUATE, *asked))
    parts = {name: float(spent) for name, spent in (line.split() for line in text.splitlines() if line.count(" ") == 1)}
    own = parts.pop("all")
    yield "evaluation, all", None, used
    for name, spent in parts.items():
        yield f"- {name}", None, spent
    yield "- starting, writing", None, own - sum(parts.values())
    yield "- the process that scores", None, used - own


def main() -> None:
    """Copy, measure, print."""
    args = parse()
    with tempfile.TemporaryDirectory() as place:
        copy = copied(args.checkout.resolve(), Path(place))
        rows = [*of_a_cell(copy, args.cell), *of_evaluation(copy, args.cell)]
    print(tabulate(rows, headers=("what", "seconds", "of a processor"), tablefmt="pipe", floatfmt=".1f"))


if __name__ == "__main__":
    main()
