"""Measure the seconds to plan the workflow for several numbers of cells, and of a run with nothing to do.

.venv/bin/python benchmarks/planning.py --seeds 1 100 417
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time

from tabulate import tabulate

CELLS_PER_SEED = 12  # of Table 2: five methods and the base at two scales
PLAN = ("-m", "snakemake", "--workflow-profile", "workflows/profiles/local", "-n", "--quiet", "all")


def seconds(seeds: int) -> float:
    """Wall clock of planning Table 2 with seeds 1 to ``seeds`` into an empty results folder."""
    with tempfile.TemporaryDirectory() as results:
        config = ["experiments=[table2]", f"seeds={list(range(1, seeds + 1))}", f"results_dir={results}"]
        began = time.perf_counter()
        subprocess.run([sys.executable, *PLAN, "--nolock", "--config", *config], check=True, capture_output=True)
        return time.perf_counter() - began


def main() -> None:
    """Measure and print one row per number of seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 100, 417])
    rows = [(CELLS_PER_SEED * seeds, round(seconds(seeds), 1)) for seeds in parser.parse_args().seeds]
    print(tabulate(rows, headers=["cells", "seconds"]))


if __name__ == "__main__":
    main()
