"""Measure the seconds to plan the workflow for several numbers of cells: of the clock, and of a processor.

A plan is what every command makes before its first job starts; Snakemake is asked for the graph of its rules, which is
small. A dry run also writes a description of every job, which with ``--quiet all`` is then not shown.

.venv/bin/python benchmarks/planning.py --seeds 1 100 358
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time

from tabulate import tabulate

METHODS = "[grpo,opsd,sdpo,rlsd,cepo]"  # the paper's, so that numbers of different commits can be compared
CELLS_PER_SEED = 14  # of Table 2: these methods, the base and the oracle at two scales
SNAKEMAKE = ("-m", "snakemake", "--workflow-profile", "workflows/profiles/local", "--nolock")
PLAN, DRY_RUN = ("--rulegraph",), ("-n", "--quiet", "all")


def seconds(seeds: int, *asked: str) -> tuple[float, float]:
    """Seconds (clock, processor) of Snakemake for Table 2 with seeds 1 to ``seeds`` and an empty results folder."""
    with tempfile.TemporaryDirectory() as results:
        config = ["experiments=[table2]", f"methods={METHODS}", f"seeds={list(range(1, seeds + 1))}"]
        config.append(f"results_dir={results}")
        began, used = time.perf_counter(), processor_seconds()
        subprocess.run([sys.executable, *SNAKEMAKE, *asked, "--config", *config], check=True, capture_output=True)
        return time.perf_counter() - began, processor_seconds() - used


def processor_seconds() -> float:
    """User and system time of the processes that this one started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure and print one row per number of seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 100, 358])
    rows = [
        (CELLS_PER_SEED * seeds, *seconds(seeds, *PLAN), *seconds(seeds, *DRY_RUN))
        for seeds in parser.parse_args().seeds
    ]
    print(
        tabulate(rows, headers=["cells", "plan, s", "of a processor", "dry run, s", "of a processor"], floatfmt=".1f")
    )


if __name__ == "__main__":
    main()
