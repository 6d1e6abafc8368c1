"""Reads Snakemake's own log of one run: when each job started and ended, for where_time_goes.py."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from contracts.errors import DataError
from contracts.reading import read_text

BEGAN = re.compile(r"^  Date: (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)$")
STAMP = re.compile(r"^\[(\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4})\]$")
RULE = re.compile(r"^(?:local)?(?:rule|checkpoint) (\w+):$")
FIELD = re.compile(r"^    (input|output|benchmark|jobid|threads): (.+)$")
TARGETS = ("all", "cell", "bases", "plan", "ready_bases")  # rules that make nothing
FINISHED = re.compile(r"^Finished jobid: (\d+) \(Rule: \w+\)$")
CORES = re.compile(r"^Provided cores: (\d+)$")
ELAPSED = re.compile(r"^Elapsed time: (?:(\d+) days?, )?(\d+):(\d\d):(\d\d(?:\.\d+)?)$")


@dataclass(frozen=True)
class Ran:
    """One job of a run."""

    rule: str
    start: datetime  # to the second, as the log has it
    end: datetime
    threads: int
    inputs: frozenset[str]
    outputs: frozenset[str]  # and the file of its benchmark

    @property
    def seconds(self) -> float:
        """From its start to its end, its files checked and moved to the cache."""
        return (self.end - self.start).total_seconds()

    def made(self, path: Path) -> bool:
        """Whether it wrote ``path``, or a folder that holds it. Only the end of the path has to agree."""
        name = path.as_posix()
        return any(name.endswith(file) or f"/{file}/" in f"/{name}" for file in self.outputs)


@dataclass(frozen=True)
class RunLog:
    """What Snakemake's log says of a run."""

    cores: int
    seconds: float  # from the first line of the log to the last
    planning: float  # seconds until the first job started, to the second
    closing: float  # seconds from the end of the last job, likewise
    jobs: tuple[Ran, ...]
    unfinished: int  # jobs that started and did not finish


def read_log(path: Path) -> RunLog:
    """Read a log. DataError if it is not one of a run that ended, or one that ran nothing."""
    lines = read_text(path).splitlines()
    began, elapsed = _first(BEGAN, lines), _first(ELAPSED, lines)
    jobs, unfinished = _jobs(lines)
    if began is None or elapsed is None or not jobs:
        cause = "no log of a run that ended and ran jobs" if began else "not a log of Snakemake"
        raise DataError(str(path), cause, "give a file of .snakemake/log")
    days, hours, minutes, seconds = elapsed.groups()
    spent = timedelta(days=int(days or 0), hours=int(hours), minutes=int(minutes), seconds=float(seconds))
    start = datetime.strptime(began[1], "%Y-%m-%d %H:%M:%S")  # local time, as all of the log
    cores = _first(CORES, lines)
    return RunLog(
        cores=int(cores[1]) if cores else 1,
        seconds=spent.total_seconds(),
        planning=(min(job.start for job in jobs) - start).total_seconds(),
        closing=max(0.0, (start + spent - max(job.end for job in jobs)).total_seconds()),
        jobs=tuple(jobs),
        unfinished=unfinished,
    )


def longest_chain(jobs: Sequence[Ran]) -> list[Ran]:
    """The chain of jobs, each of which needs a file of the one before it, that takes longest together; first to last.

    With any number of cores the run could not have been shorter. Only jobs of this run count.
    """
    makers = {file: job for job in jobs for file in job.outputs}
    chains: dict[Ran, list[Ran]] = {}

    def chain_to(job: Ran) -> list[Ran]:
        if job not in chains:
            before = {makers[file] for file in job.inputs if file in makers}
            chains[job] = [*max((chain_to(one) for one in before), key=_seconds, default=[]), job]
        return chains[job]

    return max((chain_to(job) for job in jobs), key=_seconds)


def _seconds(jobs: Sequence[Ran]) -> float:
    return sum(job.seconds for job in jobs)


def _jobs(lines: Sequence[str]) -> tuple[list[Ran], int]:
    """The jobs that finished, and how many did not."""
    running: dict[str, tuple[str, datetime, dict[str, str]]] = {}
    done: list[Ran] = []
    now, rule, fields = datetime.min, "", dict[str, str]()
    for line in lines:
        if stamp := STAMP.match(line):
            now = datetime.strptime(stamp[1], "%a %b %d %H:%M:%S %Y")
        elif started := RULE.match(line):
            rule, fields = started[1], {}
        elif rule and (told := FIELD.match(line)):
            fields[told[1]] = told[2]
            if told[1] == "jobid":
                running[told[2]] = (rule, now, fields)
        elif (finished := FINISHED.match(line)) and finished[1] in running:
            done.append(_ran(*running.pop(finished[1]), now))
    return [job for job in done if job.rule not in TARGETS], len(running)


def _ran(rule: str, start: datetime, fields: dict[str, str], end: datetime) -> Ran:
    made = f"{fields.get('output', '')}, {fields.get('benchmark', '')}"
    files = (frozenset(file for file in text.split(", ") if file) for text in (fields.get("input", ""), made))
    inputs, outputs = files
    return Ran(rule, start, end, int(fields.get("threads", 1)), inputs, outputs)


def _first(pattern: re.Pattern[str], lines: Sequence[str]) -> re.Match[str] | None:
    return next((found for line in lines if (found := pattern.match(line))), None)
