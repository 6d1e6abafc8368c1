"""Step lines of the EasyR1 engine and the checkpoints that wait for them; none of this needs EasyR1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contracts.errors import TrainError
from methods.engines.easyr1.step_log import StepLog
from tests.methods.engines.easyr1.test_easyr1_checks import make_job

METRICS = {  # as EasyR1 names them, of two mini-batches already averaged
    "update/loss": 0.5, "update/grad_norm": 2.0, "update/teacher_seconds": 0.0, "update/clip_low": 0.25,
    "actor/lr": 1e-6, "reward/no_verdict": 0.0, "timing_s/gen": 3.0, "timing_s/reward": 0.5, "timing_s/adv": 0.5,
    "timing_s/old": 1.0, "timing_s/update_actor": 6.0,
}  # fmt: skip
KNOWN = {
    "reward_mean": 0.5, "accuracy": 0.5, "format_rate": 1.0, "all_right": 0.0, "mixed": 1.0, "all_wrong": 0.0,
    "response_length": 7.0, "truncated": 0.0, "reference_missing": {}, "lam": None, "evidence": None, "entropy": 1.0,
    "tokens": 28, "delta_w": 0.1, "teacher_seconds": 2.0,
}  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> StepLog:
    job = make_job(tmp_path, {})
    job.state.mkdir()
    return StepLog(job)


def take_step(log: StepLog, step: int, **more: Any) -> None:
    log.known = KNOWN
    log.log(METRICS | more, step)


def test_a_line_says_what_easyr1_measured(log: StepLog):
    log.log({"val/accuracy_reward": 0.25}, 0)
    take_step(log, 1, **{"val/accuracy_reward": 0.75})
    (record,) = log.records
    assert (record.step, record.loss, record.clip_low, record.val_accuracy) == (1, 0.5, 0.25, 0.75)
    assert record.seconds == {"rollout": 3.0, "verify": 1.0, "score": 1.0, "update": 4.0, "teacher": 2.0}
    assert log.accuracy_start() == 0.25


def test_a_checkpoint_waits_for_its_line(log: StepLog):
    """A run killed between the two must find the line of every step that its checkpoint has done."""
    seen = []
    log.after_line = lambda: seen.append(log.job.lines.read_text().count("\n"))
    take_step(log, 1)
    take_step(log, 2)
    assert seen == [1]


def test_a_resumed_run_drops_later_lines_and_misses_none(log: StepLog):
    for step in (1, 2, 3):
        take_step(log, step)
    log.start(2)
    assert [record.step for record in log.records] == [1, 2]
    with pytest.raises(
        TrainError, match=r"progress.jsonl: step 4 is missing, but the checkpoint is of step 4; delete .*state"
    ):
        log.start(4)
