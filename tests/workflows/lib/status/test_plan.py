"""What a plan says of jobs whose predecessors left records, and of those without."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workflows.lib.status.plan import NO_RECORD, Planned, Room, StatedTimes, duration, plan_lines
from workflows.lib.status.previous_run import Kind, Past, kind_of, read_past

TWO = Room(jobs=2, gpus=None, disk=5e8)
TRAIN, OTHER = Kind("train", "cepo/small"), Kind("train", "opsd/large")


def write_cell(results: Path, name: str, seconds: float, steps: int, adapter: int) -> None:
    folder = results / "cells" / name
    (folder / "adapter").mkdir(parents=True)
    (folder / "eval").mkdir()
    (folder / "cell.json").write_text(json.dumps({"options": {"steps": steps}}))
    (folder / "run.json").write_text(json.dumps({"seconds": {"rollout": seconds / 2, "update": seconds / 2}}))
    (folder / "adapter" / "weights").write_bytes(b"0" * adapter)
    (folder / "eval" / "scores.json").write_text(json.dumps({"seconds": 20.0}))
    (folder / "eval" / "score.time.tsv").write_text("s\th:m:s\n2.5\t0:00:02\n")


def test_records_are_read_per_method_and_scale(tmp_path: Path):
    write_cell(tmp_path, "cepo/small/default/s1", seconds=100.0, steps=50, adapter=1000)
    write_cell(tmp_path, "cepo/small/eps_w=0.2/s1", seconds=300.0, steps=100, adapter=3000)
    past = read_past(tmp_path)
    assert past.seconds[TRAIN] == [2.0, 3.0]  # per step
    assert past.seconds[Kind("evaluate", "cepo/small")] == [20.0, 20.0]
    assert past.seconds[Kind("score", "cepo/small")] == [2.5, 2.5]
    assert [round(size, -3) for size in past.size[TRAIN]] == [1000.0, 3000.0]
    assert OTHER not in past.seconds


def test_prepared_models_are_jobs_of_their_own(tmp_path: Path):
    folder = tmp_path / "prepared/step_scorer/small/0a1b2c3d/s1"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "head").write_bytes(b"0" * 5000)
    (folder / "prepared.json").write_text(json.dumps({"seconds": {"collect": 50.0, "fit": 10.0}}))
    past, kind = read_past(tmp_path), Kind("prepare", "step_scorer/small")
    assert past.seconds[kind] == [60.0]
    assert round(past.size[kind][0], -3) == 5000
    wildcards = {"kind": "step_scorer", "scale": "small", "options": "0a1b2c3d", "seed": "1"}
    assert kind_of("prepare", wildcards) == kind
    row = plan_lines([Planned(kind, "run"), Planned(kind, "done")], past, TWO, tmp_path)[1]
    assert row.split()[:6] == ["prepare", "step", "scorer/small", "1", "0", "1"]


def test_broken_records_are_passed_by(tmp_path: Path):
    write_cell(tmp_path, "cepo/small/default/s1", seconds=100.0, steps=50, adapter=10)
    (tmp_path / "cells/cepo/small/default/s1/run.json").write_text('{"seconds": {"roll')
    (tmp_path / "cells/cepo/small/default/s1/eval/score.time.tsv").write_text("s\n")
    past = read_past(tmp_path)
    assert TRAIN not in past.seconds
    assert Kind("score", "cepo/small") not in past.seconds


def test_a_plan_by_hand(tmp_path: Path):
    # two runs of 50 steps at (2 + 4) / 2 = 3 s a step: 300 s, with two at a time 150 s, which is also the longest one
    past = Past({TRAIN: [2.0, 4.0]}, {TRAIN: [1e6, 3e6]})
    jobs = [Planned(TRAIN, "run", 50)] * 2 + [Planned(TRAIN, "cached", 50), Planned(TRAIN, "done", 50)]
    header, row, _, cells, time, disk = plan_lines(jobs, past, TWO, tmp_path)
    assert header.split() == ["job", "to", "run", "cached", "done", "each", "together", "disk"]
    assert row.split("  ")[0] == "train cepo/small"
    assert row.split()[2:] == ["2", "1", "1", "2.5", "min", "(2)", "5.0", "min", "4.0", "MB"]
    assert cells == "Cells: 2 to train, 1 from the cache, 1 done."
    assert time == "Time: about 2.5 min with 2 jobs at a time, by mean of earlier jobs (in brackets: how many)."
    assert disk.startswith("Disk: 4.0 MB more") and disk.endswith("this world should find 500.0 MB (our estimate).")


def test_what_has_no_record_is_said_and_not_guessed(tmp_path: Path):
    past = Past({TRAIN: [2.0]}, {})
    lines = plan_lines([Planned(TRAIN, "run", 50), Planned(OTHER, "run", 50)], past, TWO, tmp_path)
    (row,) = [line for line in lines if line.startswith("train opsd/large")]
    assert row.rstrip().endswith(NO_RECORD)
    assert any(line.startswith("Time: more than 1.7 min") for line in lines)  # not spread over both cores: one job
    assert "Not counted: 1 jobs" in lines[-2]
    nothing = plan_lines([Planned(OTHER, "run", 50)], Past(), TWO, tmp_path)
    assert not any(line.startswith("Time") for line in nothing)


def test_jobs_wait_for_gpus_and_the_paper_stands_in_for_records(tmp_path: Path):
    # 50 steps at 72 s: an hour on eight GPUs; two such jobs on eight take two hours, however many cores there are
    jobs = [Planned(TRAIN, "run", 50, gpus=8), Planned(OTHER, "run", 50, gpus=8)]
    stated = StatedTimes({TRAIN: 72.0, OTHER: 72.0})
    lines = plan_lines(jobs, Past(), Room(64, 8, 5e10), tmp_path, stated)
    assert lines[1].split()[2:] == ["1", "0", "0", "1", "h", "00", "min", "(paper)", "1", "h", "00", "min"]
    assert "Time: about 2 h 00 min with 64 jobs at a time on 8 GPUs, by the paper's Table 3" in lines[5]
    recorded = plan_lines(jobs, Past({TRAIN: [36.0]}, {}), Room(64, 8, 5e10), tmp_path, stated)
    assert "30.0 min (1)" in recorded[1]  # an earlier job comes first


def test_kinds_that_nothing_is_known_of_share_a_row(tmp_path: Path):
    jobs = [Planned(Kind("score", scale), "run") for scale in ("a", "b")] + [Planned(Kind("track"), "run")]
    rows = [line.split()[:2] for line in plan_lines(jobs, Past(), TWO, tmp_path)[1:3]]
    assert rows == [["score", "2"], ["track", "1"]]
    known = plan_lines(jobs, Past({Kind("score", "a"): [2.0]}, {}), TWO, tmp_path)
    assert [line.split()[1] for line in known[1:3]] == ["a", "b"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.2, "4 s"), (90, "1.5 min"), (3600, "1 h 00 min"), (7500, "2 h 05 min")]
)
def test_durations(seconds: float, text: str):
    assert duration(seconds) == text
