"""Status lines and estimates, on runs small enough to reckon by hand."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.paths import ROOT
from contracts.progress import counting, last_record
from tests.helpers.analysis_cells import step
from workflows.lib.status.display import StatusBlock, display_for
from workflows.lib.status.monitor import Monitor, Reading, WatchedJob, _seconds_left
from workflows.lib.status.previous_run import PreviousRun
from workflows.lib.status.remaining_time import JobTiming, seconds_left

CELL = {"method": "cepo", "scale": "small", "variant": "default", "seed": "1"}
A, B = ("train", "small"), ("train", "large")


def test_finished_jobs_tell_what_the_others_take():
    jobs = [JobTiming(A, 100.0, None, True), JobTiming(A, None, None, False), JobTiming(A, 30.0, None, False)]
    assert seconds_left(jobs, cores=1) == (100.0 + 70.0, True)
    assert seconds_left(jobs, cores=2) == (100.0, True)  # one job cannot be split: the longest is the bound


def test_a_running_job_tells_by_how_far_it_is():
    assert seconds_left([JobTiming(A, 30.0, 90.0, False)], cores=1) == (90.0, True)
    assert seconds_left([JobTiming(A, 30.0, 90.0, False), JobTiming(B, None, None, False)], 1) == (90.0 + 120.0, True)


def test_what_waits_for_all_others_comes_after_them():
    jobs = [JobTiming(A, None, None, False, usual=10.0)] * 2 + [
        JobTiming(("track_study", ""), None, None, False, usual=4.0)
    ]
    assert seconds_left(jobs, cores=2) == (10.0 + 4.0, True)


def test_kinds_that_nothing_is_known_of_make_the_estimate_a_lower_bound():
    jobs = [JobTiming(A, 30.0, 30.0, False), JobTiming(("evaluate", "small"), None, None, False)]
    assert seconds_left(jobs, cores=1) == (30.0, False)
    assert seconds_left([JobTiming(A, 1.0, None, True)], cores=1) == (0.0, True)
    assert seconds_left([JobTiming(A, 1.0, None, False)], cores=1) == (0.0, False)


def test_what_jobs_usually_take_is_scaled_by_how_slow_this_run_is():
    waiting = JobTiming(B, None, None, False, usual=50.0)
    assert seconds_left([waiting], cores=1) == (50.0, True)
    # 30 s where 10 are usual, and one job of 10 s beside it: twice as long as usual.
    assert seconds_left([JobTiming(A, 30.0, None, True, usual=10.0), waiting], cores=1) == (100.0, True)
    assert seconds_left([JobTiming(A, 30.0, 10.0, False, usual=10.0), waiting], cores=1) == (10.0 + 125.0, True)
    # Of other rules the median of 1, which is counted beside them, and of each job: 4 and 7.
    others = [JobTiming((rule, "small"), 10.0 * times, None, True, usual=10.0) for rule, times in (("x", 4), ("y", 7))]
    assert seconds_left([*others, waiting], cores=1) == (200.0, True)
    # Beside one job of the rule, twice as long as usual, that median counts as one job: (20 + 4 * 10) / (10 + 10).
    assert seconds_left([*others, JobTiming(B, 20.0, None, True, usual=10.0), waiting], cores=1) == (150.0, True)
    usual_wins = [JobTiming(B, 30.0, None, True), waiting]  # over the mean of the others of its kind
    assert seconds_left(usual_wins, cores=1) == (50.0, True)


def test_the_pace_of_a_job_that_has_just_begun_counts_little():
    # One second in, it says 100 s; usual are 10. A hundredth is done, so its own pace counts by a twentieth.
    begun = JobTiming(A, 1.0, 99.0, False, usual=10.0)
    assert seconds_left([begun], cores=1) == (pytest.approx(0.05 * 100 + 0.95 * 10 - 1), True)


# Times of ``make reproduce`` on two cores, from Snakemake's log: of five methods, base models built, beside other work
# on 2026-11-29; of all systems of Table 1, base models ready-made, on a faster and idle machine on 2026-11-30. Column
# ``usual`` has what the estimate is told; in the first, of trainings, evaluations and base models what an earlier run
# of its 50 steps took; in the second, of figure4 what its code of that day took.
RECORDED = ("recorded_run.tsv", "recorded_ready_bases.tsv")
STEPS = {"train": 50, "evaluate": 7, "base_model": 60}  # parts in which these rules report how far they are


def recorded_timing(job: dict[str, str], now: int) -> JobTiming:
    """A job of the recorded run as the monitor sees it at second ``now``; its progress is told in equal parts."""
    start, end = int(job["start"]), int(job["end"])
    wildcards = {name: job[name] for name in ("method", "scale", "other") if job[name]}
    wildcards |= {"seed": "1", "variant": "default"} if job["method"] else {}
    left = None
    if start <= now < end and job["rule"] in STEPS:
        parts = STEPS[job["rule"]]
        watched = WatchedJob(job["rule"], wildcards, first=(start + (end - start) / parts, 1))
        left = _seconds_left(watched, Reading(int(parts * (now - start) / (end - start)), parts), now)
    spent = None if now < start else min(now, end) - start
    usual = float(job["usual"]) if job["usual"] else None
    return JobTiming((job["rule"], job["scale"]), spent, left, now >= end, usual)


@pytest.mark.parametrize("name", RECORDED)
def test_over_the_second_half_of_a_real_run_the_estimate_is_within_a_quarter(name: str):
    jobs = list(csv.DictReader(Path(__file__).with_name(name).read_text().splitlines(), delimiter="\t"))
    whole = max(int(job["end"]) for job in jobs)
    off = {}
    for now in range(whole // 2, whole - 10, 10):
        estimate, _ = seconds_left([recorded_timing(job, now) for job in jobs], cores=2)
        off[now] = estimate / (whole - now) - 1
    assert {now: round(share, 2) for now, share in off.items() if abs(share) > 0.25} == {}


def test_a_committed_run_tells_what_jobs_usually_take(tmp_path: Path):
    cell = tmp_path / "cells/cepo/small/default/s1"
    (cell / "eval").mkdir(parents=True)
    (cell / "cell.json").write_text('{"options": {"steps": 10}}')
    (cell / "run.json").write_text('{"seconds": {"rollout": 15.0, "update": 5.0}}')
    (cell / "eval/scores.json").write_text('{"seconds": 7.0}')
    usual = PreviousRun(tmp_path, lambda wildcards: 50)
    assert usual.seconds("train", CELL) == 100.0
    assert usual.seconds("evaluate", CELL) == usual.seconds("repeat", CELL | {"repeat": "1"}) == 7.0
    assert usual.seconds("train", CELL | {"scale": "large"}) is None
    assert usual.seconds("train", CELL | {"method": "mine"}) == 100.0  # as the other methods of the scale
    assert usual.seconds("evaluate", CELL | {"method": "mine"}) == 7.0
    assert usual.seconds("prepare", {"kind": "mine", "scale": "small", "seed": "1"}) is None
    assert PreviousRun(tmp_path / "none", lambda wildcards: 50).seconds("train", CELL) is None


def test_the_committed_archive_tells_it_too():
    committed = PreviousRun(ROOT / "results/reference/micro", lambda wildcards: 50)
    assert (committed.seconds("train", CELL) or 0) > (committed.seconds("evaluate", CELL) or 0) > 0


@given(st.lists(st.tuples(st.floats(1, 1e4), st.floats(0, 1e4)), min_size=1), st.integers(1, 8))
def test_more_cores_never_take_longer(running: list[tuple[float, float]], cores: int):
    jobs = [JobTiming(A, spent, left, False) for spent, left in running]
    more, less = seconds_left(jobs, cores)[0], seconds_left(jobs, cores + 1)[0]
    assert 0 <= less <= more <= seconds_left(jobs, 1)[0] + 1e-6


class Run:
    """A monitor whose clock and events the test sets."""

    def __init__(self, results: Path) -> None:
        self.out = io.StringIO()
        jobs = {
            1: WatchedJob("train", CELL),
            2: WatchedJob("base_model", {"base": "large/s1"}),
            3: WatchedJob("evaluate", CELL),
            4: WatchedJob("all", {}),
        }
        self.monitor = Monitor(results, lambda wildcards: 50, every=0, stream=self.out, jobs=jobs, cores=1)
        self.monitor._begun = 0.0

    def event(self, event: str, **fields: int) -> None:
        """What Snakemake logs."""
        made = logging.LogRecord("snakemake.logging", logging.INFO, __file__, 1, "", None, None)
        made.__dict__.update(event=event, **fields)
        self.monitor.emit(made)

    def begin(self, number: int, at: float) -> None:
        """A job begins at second ``at``."""
        self.event("job_info", jobid=number)
        self.monitor.jobs[number].started = at

    def end(self, number: int, at: float, event: str = "job_finished") -> None:
        """A job ends at second ``at``."""
        self.event(event, **{"jobid" if event == "job_error" else "job_id": number})
        self.monitor.jobs[number].ended = at


def write_steps(results: Path, done: int) -> None:
    folder = results / "cells/cepo/small/default/s1/state"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [step(number, 0.5, 1).model_copy(update={"reward_mean": number / 100}) for number in range(1, done + 1)]
    (folder / "progress.jsonl").write_text("".join(line.model_dump_json() + "\n" for line in lines))


def test_a_training_cell_shows_step_and_reward(tmp_path: Path):
    run = Run(tmp_path)
    run.begin(1, at=0.0)
    assert run.monitor.lines(5.0) == ["0:05 | 0 of 3 jobs done", "0:05 | running: train cepo/small/default/s1"]
    write_steps(tmp_path, 20)  # a resumed run: these steps say nothing of its pace
    assert run.monitor.lines(10.0)[0] == "0:10 | 0 of 3 jobs done"
    write_steps(tmp_path, 21)  # the first step after loading: nor does it
    assert run.monitor.lines(100.0)[0] == "1:40 | 0 of 3 jobs done"
    write_steps(tmp_path, 31)
    assert run.monitor.lines(130.0) == [
        "2:10 | 0 of 3 jobs done, more than 0:57 left",  # 19 steps at 3 s; two jobs of unknown length
        "2:10 | running: train cepo/small/default/s1, 31 of 50, reward 0.31",
    ]


POLICY = {"scale": "small", "state": "base", "seed": "1"}


@pytest.mark.parametrize("rule", ["gradients", "prepare"])
def test_loading_is_not_taken_for_the_pace_of_batches(rule: str, tmp_path: Path):
    """Eight jobs of 24 batches: 100 s of loading, then 2 s a batch. They take 20 minutes, and were told 5 hours.

    When the first batch was done, the loading before it was taken for what each batch takes.
    """
    more = {"kind": "contrast", "scale": "small", "options": "0a1b2c3d"}
    jobs = {
        number: WatchedJob(rule, (POLICY if rule == "gradients" else more) | {"seed": str(number)})
        for number in range(8)
    }
    monitor = Monitor(tmp_path, lambda wildcards: 50, every=0, stream=io.StringIO(), jobs=jobs)
    monitor._begun = jobs[0].started = 0.0
    folder = "gradients/small/base/s0" if rule == "gradients" else "prepared/contrast/small/0a1b2c3d/s0"
    told = {}
    for second, done in ((5, 0), (105, 1), (107, 2), (125, 11)):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "progress.json").write_text(json.dumps({"step": done, "of": 24}))
        told[done] = monitor.lines(float(second))[0].partition("done")[2]
    assert told == {0: "", 1: "", 2: ", about 18:21 left", 11: ", about 18:03 left"}


def test_a_count_that_a_killed_job_left_is_no_progress(tmp_path: Path):
    job = WatchedJob("gradients", POLICY)
    for now, done in ((0.0, 20), (50.0, 0), (60.0, 1)):
        left = _seconds_left(job, Reading(done, 24), now)
    assert left == 230.0


def test_what_ended_is_told_once(tmp_path: Path):
    run = Run(tmp_path)
    for number, at in ((1, 0.0), (2, 10.0), (3, 20.0)):
        run.begin(number, at)
    run.end(1, 130.0)
    run.end(2, 70.0, "job_error")
    assert run.monitor.lines(140.0)[:3] == [
        "2:20 | 1 of 3 jobs done",
        "2:20 | failed: base model large/s1 in 1:00",
        "2:20 | done: train cepo/small/default/s1 in 2:10",
    ]
    assert run.monitor.lines(150.0) == ["2:30 | 1 of 3 jobs done", "2:30 | running: evaluate cepo/small/default/s1"]


def test_base_models_and_evaluations_show_how_far_they_are(tmp_path: Path):
    run = Run(tmp_path)
    run.begin(2, at=0.0)
    run.begin(3, at=0.0)
    (tmp_path / "models/large/s1").mkdir(parents=True)
    (tmp_path / "models/large/s1/progress.jsonl").write_text('{"step": 1, "of": 4, "loss": 2.0}\n{"step": 2, "o')
    with counting(tmp_path / "cells/cepo/small/default/s1/eval/progress.json") as note:
        note(25, 100)
        lines = run.monitor.lines(10.0)
    assert lines[1:] == [
        "0:10 | running: base model large/s1, 1 of 4, loss 2",
        "0:10 | running: evaluate cepo/small/default/s1, 25 of 100",
    ]
    assert not (tmp_path / "cells/cepo/small/default/s1/eval/progress.json").exists()


def test_measured_gradients_are_named_for_their_policy_and_show_their_batches(tmp_path: Path):
    policy = {"scale": "small", "state": "steps=20", "seed": "1"}
    job = WatchedJob("gradients", policy)
    assert job.name == "gradients small/steps=20/s1"
    report = {"scale": "small", "state": "steps=20", "seconds": 120.0}
    (tmp_path / "gradients").mkdir()
    (tmp_path / "gradients/measurements.jsonl").write_text(json.dumps(report) + "\n")
    usual = PreviousRun(tmp_path, lambda wildcards: 50)
    assert usual.seconds("gradients", policy) == 120.0
    assert usual.seconds("gradients", policy | {"state": "base"}) is None


def test_prepared_models_show_how_far_they_are(tmp_path: Path):
    model = {"kind": "contrast", "scale": "small", "options": "0a1b2c3d", "seed": "1"}
    jobs = {1: WatchedJob("prepare", model)}
    monitor = Monitor(tmp_path, lambda wildcards: 50, every=0, stream=io.StringIO(), jobs=jobs)
    monitor.jobs[1].started = 0.0
    with counting(tmp_path / "prepared/contrast/small/0a1b2c3d/s1/progress.json") as note:
        note(3, 16)
        assert "running: prepare contrast/small/0a1b2c3d/s1, 3 of 16" in monitor.lines(10.0)[1]


def test_the_thread_prints_and_stops(tmp_path: Path):
    class Dag:
        def needrun_jobs(self) -> list[object]:
            return []

    out = io.StringIO()
    monitor = Monitor(tmp_path, lambda wildcards: 1, every=0.01, stream=out)
    monitor.start(Dag(), cores=2)  # pyright: ignore[reportArgumentType]
    monitor._end.wait(0.1)
    monitor.stop()
    assert out.getvalue().count("0 of 0 jobs done") > 1
    assert not monitor._thread.is_alive()


BLOCK = StatusBlock("2:20", "1 of 3 jobs done", ["done: a in 1:00"], ["failed: b in 0:10"], ["running: c, 3 of 50"])


def test_a_pipe_gets_one_line():
    out = io.StringIO()
    display_for(out).show(BLOCK)
    assert out.getvalue() == "2:20 | 1 of 3 jobs done; failed: b in 0:10; running: c, 3 of 50\n"


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_gets_one_block_that_is_redrawn(width: int, monkeypatch: pytest.MonkeyPatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    display = display_for(out)
    for second in range(20):
        display.show(replace(BLOCK, clock=f"0:{second:02d}", failed=BLOCK.failed if second == 5 else []))
    display.close()
    text = out.getvalue()
    assert text.count("\x1b[1A") >= 19 * 2  # the cursor goes back up over the block
    assert text.count("failed: b") == 1  # stays above it
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert max(len(line) for line in re.split(r"[\r\n]", plain)) <= width


def test_a_small_loss_keeps_its_digits(tmp_path: Path):
    run = Run(tmp_path)
    run.begin(2, at=0.0)
    (tmp_path / "models/large/s1").mkdir(parents=True)
    (tmp_path / "models/large/s1/progress.jsonl").write_text('{"step": 240, "of": 400, "loss": 0.00412345}\n')
    assert run.monitor.lines(10.0)[1] == "0:10 | running: base model large/s1, 240 of 400, loss 0.00412"


@pytest.mark.parametrize(
    ("text", "found"), [("", None), ("{", None), ('{"a": 1}\n{"a"', {"a": 1}), ('{"a": 1}\n', {"a": 1})]
)
def test_last_record_skips_a_line_being_written(tmp_path: Path, text: str, found: object):
    (tmp_path / "x").write_text(text)
    assert last_record(tmp_path / "x") == found
    assert last_record(tmp_path / "none") is None


def test_counting_notes_the_last_one(tmp_path: Path):
    path = tmp_path / "progress.json"
    with counting(path) as note:
        for done in range(1, 6):
            note(done, 5)
        assert json.loads(path.read_text()) == {"step": 5, "of": 5}
