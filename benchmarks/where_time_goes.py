"""Where the time of a finished run went, from what its jobs recorded and, with ``--log``, from Snakemake's log.

What a job recorded begins once its script runs. The log also knows how long Python took to start and to import, how
long the run was planned, and how long cores had nothing to do. A job whose files came from the cache still holds the
times of the job that made them; the log has what it took now.

    .venv/bin/python benchmarks/where_time_goes.py results/micro --log .snakemake/log/<date>.snakemake.log --install 240
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from recorded_times import Recorded, part_of, read_records
from run_log import Ran, RunLog, longest_chain, read_log
from tabulate import tabulate

from contracts.errors import one_line_errors

Row = list[str]


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="results folder of a finished run")
    parser.add_argument("--log", type=Path, help="Snakemake's log of one run into it")
    parser.add_argument("--install", type=float, help="seconds that the installation took, to be a row too")
    return parser.parse_args(arguments)


def recorded_rows(records: Sequence[Recorded], install: float | None) -> list[Row]:
    """A row for each kind of job: how many, the median, the sum, the share of all; seconds as the jobs recorded."""
    kinds = defaultdict[tuple[str, str], list[Recorded]](list)
    for one in records:
        kinds[part_of(one.rule), one.rule].append(one)
    total = sum(one.seconds or 0.0 for one in records) + (install or 0.0)
    rows = [] if install is None else [["install", "", "1", *_times([install], total), ""]]
    for (part, rule), some in sorted(kinds.items()):
        known = [one.seconds for one in some if one.seconds is not None]
        processor = [one.processor for one in some if one.processor is not None]
        rows.append([part, rule, str(len(some)), *_times(known, total), _minutes(processor)])
    return rows


def phase_rows(records: Sequence[Recorded]) -> list[Row]:
    """A row for each phase of the jobs that record phases."""
    found = defaultdict[tuple[str, str], list[float]](list)
    for one in records:
        for phase, seconds in one.phases.items():
            found[one.rule, phase].append(seconds)
    totals = {rule: sum(sum(times) for (name, _), times in found.items() if name == rule) for rule, _ in found}
    return [[rule, phase, str(len(times)), *_times(times, totals[rule])] for (rule, phase), times in found.items()]


def log_rows(log: RunLog, records: Sequence[Recorded]) -> list[Row]:
    """A row for each kind of job of one run: from its start to its end, and how much of it was recorded."""
    kinds = defaultdict[tuple[str, str], list[Ran]](list)
    for job in log.jobs:
        kinds[part_of(job.rule), job.rule].append(job)
    room, rows = log.cores * log.seconds, []
    for (part, rule), jobs in sorted(kinds.items()):
        inside = [one.seconds for job in jobs for one in records if one.seconds is not None and job.made(one.path)]
        spent = [job.seconds * job.threads for job in jobs]
        rows.append([part, rule, str(len(jobs)), *_times(spent, room), _minutes(inside)])
    busy = sum(job.seconds * job.threads for job in log.jobs)
    before, after = log.planning * log.cores, log.closing * log.cores
    for name, spent in (("planning", before), ("waiting for a job", room - busy - before - after), ("closing", after)):
        rows.append(["what is left", name, "", *_times([spent], room), ""])
    return rows


def chain_rows(log: RunLog) -> list[Row]:
    """The longest chain of jobs that needed each other, in order."""
    chain = longest_chain(log.jobs)
    together = sum(job.seconds for job in chain)
    return [*([job.rule, f"{job.seconds:.0f}"] for job in chain), ["together", f"{together:.0f}"]]


def _times(seconds: Sequence[float], total: float) -> Row:
    """Median seconds, minutes, and the share of ``total``; empty where nothing is known."""
    if not seconds:
        return ["", "", ""]
    return [f"{statistics.median(seconds):.1f}", _minutes(seconds), f"{100 * sum(seconds) / total:.1f}"]


def _minutes(seconds: Sequence[float]) -> str:
    return f"{sum(seconds) / 60:.2f}" if seconds else ""


def _print(title: str, heads: Sequence[str], rows: list[Row]) -> None:
    print(f"{title}\n\n{tabulate(rows, headers=heads, tablefmt='pipe', disable_numparse=True)}\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read and print."""
    args = parse(arguments)
    with one_line_errors():
        records = read_records(args.results)
        log = None if args.log is None else read_log(args.log)
    heads = ("part", "job", "jobs", "median s", "minutes", "%")
    _print("What jobs recorded.", (*heads, "processor min"), recorded_rows(records, args.install))
    _print("Phases of jobs.", ("job", "phase", *heads[2:]), phase_rows(records))
    if log is None:
        print("How long the run was planned and how long cores waited: only Snakemake's log knows (--log).")
        return
    title = f"One run of {log.seconds / 60:.1f} minutes on {log.cores} cores, in minutes of a core."
    _print(title, (*heads, "recorded min"), log_rows(log, records))
    if log.unfinished:
        print(f"{log.unfinished} jobs did not finish; their time counts as waiting.\n")
    title = "The longest chain of jobs that needed each other: more cores cannot make the run shorter than that."
    _print(title, ("job", "seconds"), chain_rows(log))


if __name__ == "__main__":
    main()
