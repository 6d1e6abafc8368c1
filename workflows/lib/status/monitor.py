"""Status lines of a running workflow: what runs and how far it is, what is done, how long the rest may take."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from contracts.progress import last_record
from workflows.lib.status.display import REDRAWN_EVERY, LineDisplay, StatusBlock, StatusDisplay, display_for
from workflows.lib.status.remaining_time import JobTiming, seconds_left

if TYPE_CHECKING:
    from snakemake.dag import DAG

QUIET = ("cell", "bases", "all")  # targets, which do nothing


@dataclass
class WatchedJob:
    """One job of the run."""

    rule: str
    wildcards: dict[str, str]
    started: float | None = None  # monotonic seconds
    ended: float | None = None
    failed: bool = False
    seen: int | None = None  # the step at which progress was first seen: a run may be resumed
    first: tuple[float, int] | None = None  # when a step after it was first seen, and which; before is loading

    @property
    def subject(self) -> str:
        """What the job is about: a cell, a state of the policy, a base model, a prepared model, or a table."""
        w = self.wildcards
        if "state" in w:
            return f"{w['scale']}/{w['state']}/s{w['seed']}"
        if "kind" in w:
            return f"{w['kind']}/{w['scale']}/{w['options']}/s{w['seed']}"
        if "seed" in w:
            return f"{w.get('method', 'base')}/{w['scale']}/{w.get('variant', 'default')}/s{w['seed']}"
        return " ".join(w.values())

    @property
    def scale(self) -> str:
        """The scale of what it is about; empty if it has none."""
        return self.wildcards.get("scale") or self.wildcards.get("base", "").split("/")[0]

    @property
    def name(self) -> str:
        """For people: ``train cepo/small/default/s1``."""
        return f"{self.rule.replace('_', ' ')} {self.subject}".strip()


@dataclass(frozen=True)
class Reading:
    """How far a running job is."""

    step: int
    steps: int
    note: str = ""  # reward or loss


@dataclass(eq=False)
class Monitor(logging.Handler):
    """Follows Snakemake's events and the progress files of running jobs; prints a block every ``every`` seconds."""

    results: Path
    steps: Callable[[dict[str, str]], int]  # training steps of the cell with these wildcards
    every: float
    usual: Callable[[str, dict[str, str]], float | None] = lambda rule, wildcards: None  # seconds of such a job
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    jobs: dict[int, WatchedJob] = field(default_factory=dict)
    cores: int = 1

    def __post_init__(self) -> None:
        super().__init__()
        self._begun, self._told, self._end = time.monotonic(), set[int](), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._display: StatusDisplay = LineDisplay(self.stream)

    def start(self, dag: DAG, cores: int | None) -> None:
        """Begin to follow the jobs that Snakemake's ``dag`` is about to run."""
        self.jobs = {job.jobid: WatchedJob(job.rule.name, dict(job.wildcards.items())) for job in dag.needrun_jobs()}
        self.cores = cores or 1
        logging.getLogger("snakemake.logging").addHandler(self)
        if self.every:
            self._display = display_for(self.stream)
            self._thread.start()

    def stop(self) -> None:
        """Print what is left to say and end."""
        logging.getLogger("snakemake.logging").removeHandler(self)
        if self.every:
            self._end.set()
            self._thread.join()
            self._print()
            self._display.close()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a Snakemake event: a job began, ended or failed."""
        event, now = str(getattr(record, "event", "")), time.monotonic()
        job = self.jobs.get(getattr(record, "jobid", getattr(record, "job_id", -1)))
        if job is None:
            return
        if event == "job_info":
            job.started, job.ended, job.failed, job.seen, job.first = now, None, False, None, None
        elif event == "job_finished":
            job.ended = now
        elif event == "job_error":
            job.ended, job.failed = now, True

    def lines(self, now: float) -> list[str]:
        """The status of this moment: a summary, then what ended since the last one, then what runs."""
        return self.block(now).lines

    def block(self, now: float) -> StatusBlock:
        """The same in its parts."""
        jobs = {number: job for number, job in self.jobs.items() if job.rule not in QUIET}
        readings = {n: self._read(job) for n, job in jobs.items() if job.started is not None and job.ended is None}
        timings = [self._timing(job, readings.get(number), now) for number, job in jobs.items()]
        done = sum(job.ended is not None and not job.failed for job in jobs.values())
        new = [n for n, job in jobs.items() if job.ended is not None and n not in self._told]
        self._told.update(new)
        return StatusBlock(
            _clock(now - self._begun),
            f"{done} of {len(jobs)} jobs done{_remaining(timings, self.cores)}",
            ended=[_ended(jobs[number]) for number in new if not jobs[number].failed],
            failed=[_ended(jobs[number]) for number in new if jobs[number].failed],
            running=[_running(jobs[number].name, reading) for number, reading in readings.items()],
        )

    def _print(self) -> None:
        self._display.show(self.block(time.monotonic()))

    def _watch(self) -> None:
        every = min(self.every, REDRAWN_EVERY) if self.stream.isatty() else self.every
        while not self._end.wait(every):
            self._print()

    def _timing(self, job: WatchedJob, reading: Reading | None, now: float) -> JobTiming:
        spent = None if job.started is None else (job.ended or now) - job.started
        left = None if reading is None else _seconds_left(job, reading, now)
        kind = (job.rule, job.scale)
        return JobTiming(kind, spent, left, job.ended is not None, self.usual(job.rule, job.wildcards))

    def _read(self, job: WatchedJob) -> Reading | None:
        """The last progress record of a running job; None before there is one."""
        cell = self.results / "cells" / job.subject
        if job.rule == "train":
            record = last_record(cell / "state" / "progress.jsonl")
            if record is not None:
                return Reading(int(record["step"]), self.steps(job.wildcards), f"reward {record['reward_mean']:.2f}")
        paths = {
            "evaluate": cell / "eval" / "progress.json",
            "gradients": self.results / "gradients" / job.subject / "progress.json",
            "prepare": self.results / "prepared" / job.subject / "progress.json",
            "base_model": self.results / "models" / job.subject / "progress.jsonl",
        }
        record = last_record(paths[job.rule]) if job.rule in paths else None
        if record is None:
            return None
        return Reading(record["step"], record["of"], f"loss {record['loss']:.3g}" if "loss" in record else "")


def _seconds_left(job: WatchedJob, reading: Reading, now: float) -> float | None:
    """Seconds to go at the pace since the first step that was seen done; None until there is another.

    Before that step a job loads its model, which can take as long as a hundred steps.
    """
    if job.first is None:
        job.seen = reading.step if job.seen is None else job.seen
        if reading.step == job.seen:
            return None
    if job.first is None or reading.step < job.first[1]:  # or a file that a killed job left was read before
        job.first = now, reading.step
    since, done = now - job.first[0], reading.step - job.first[1]
    return (reading.steps - reading.step) * since / done if done > 0 else None


def _ended(job: WatchedJob) -> str:
    """``done: train cepo/small/default/s1 in 2:10``."""
    ended = job.ended or 0.0
    began = ended if job.started is None else job.started
    return f"{'failed' if job.failed else 'done'}: {job.name} in {_clock(ended - began)}"


def _running(name: str, reading: Reading | None) -> str:
    if reading is None:
        return f"running: {name}"
    return f"running: {name}, {reading.step} of {reading.steps}{', ' if reading.note else ''}{reading.note}"


def _remaining(timings: Sequence[JobTiming], cores: int) -> str:
    seconds, complete = seconds_left(timings, cores)
    if round(seconds) == 0:  # nothing is known yet, or nothing is left
        return ""
    return f", {'about' if complete else 'more than'} {_clock(seconds)} left"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
