"""EasyR1's metrics of a step as a line of ``train.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from contracts.errors import TrainError
from contracts.files import write_text
from contracts.records import Step
from methods.base import Method, TokenCredit
from methods.engines.easyr1.job import Job
from methods.engines.local.cell_files import read_lines
from methods.engines.local.experience import Experience
from methods.engines.shared.step_record import evidence_record
from methods.shared.advantage import group_mix

ACCURACY = "val/accuracy_reward"
CLIPS = ("clip_low", "clip_high", "dual_clip")


class StepLog:
    """Stands where EasyR1's tracker stands: gets the metrics of every step and of every validation."""

    def __init__(self, job: Job) -> None:
        self.job, self.records = job, list[Step]()
        self.known: dict[str, Any] = {}  # fields of the coming step that are no metrics of EasyR1
        self.peak_memory_mb, self.val_problems = 0.0, 0
        self.adapter_step = job.method.steps
        self.resumed_at: tuple[int, ...] = ()
        self.after_line: Callable[[], None] | None = None  # called once, when the coming line is written
        self.start_file = job.state / "validation_start.json"

    def start(self, step: int) -> None:
        """Steps done so far, after a resume; later lines are dropped and made again. TrainError if one is missing."""
        self.records = read_lines(self.job.lines)[:step]
        if len(self.records) < step:
            cause = f"{len(self.records)} lines, but the checkpoint is of step {step}"
            raise TrainError(str(self.job.lines), cause, f"delete {self.job.state} to train from the start")

    def log(self, data: dict[str, Any], step: int) -> None:
        """A step, or a validation before the first or after the last one."""
        accuracy = data.get(ACCURACY)
        if "update/loss" in data:
            self.records.append(self._record(data, step))
        elif step == 0:
            write_text(self.start_file, json.dumps(accuracy))
        elif accuracy is not None:
            self.records[-1] = self.records[-1].model_copy(update={"val_accuracy": float(accuracy)})
        write_text(self.job.lines, "".join(r.model_dump_json() + "\n" for r in self.records))
        waiting, self.after_line = self.after_line, None
        if waiting is not None:
            waiting()

    def beats_all(self, accuracy: float) -> bool:
        """Whether this validation accuracy is above those of all steps before."""
        return all(record.val_accuracy is None or accuracy > record.val_accuracy for record in self.records)

    def accuracy_start(self) -> float | None:
        """Validation accuracy before the first step; None if it was not measured."""
        return json.loads(self.start_file.read_text()) if self.start_file.exists() else None

    def _record(self, data: dict[str, Any], step: int) -> Step:
        method, known = self.job.method, dict(self.known)
        asked, looked = known.pop("teacher_seconds"), float(data["update/teacher_seconds"])
        teacher = None if asked is None else asked + looked  # credit: asked by the driver; matching: in the workers
        seconds = {
            "rollout": data["timing_s/gen"],
            "verify": data["timing_s/reward"] + data["timing_s/adv"],  # EasyR1 waits for the rewards in the latter
            "score": data["timing_s/old"],
            "update": data["timing_s/update_actor"] - (teacher or 0.0),
        }
        return Step(
            step=step,
            loss=float(data["update/loss"]),
            grad_norm=float(data["update/grad_norm"]),
            lr=float(data["actor/lr"]),
            grade_timeouts=round(float(data["reward/no_verdict"]) * method.prompts * method.group_size),
            val_accuracy=None if data.get(ACCURACY) is None else float(data[ACCURACY]),
            seconds=seconds | ({} if teacher is None else {"teacher": teacher}),
            **{name: float(data[f"update/{name}"]) for name in CLIPS if f"update/{name}" in data},
            **known,
        )


def known_fields(method: Method, experience: Experience, step: int) -> dict[str, Any]:
    """Fields of the line of 0-based rollout ``step`` that follow from its rollouts."""
    rollouts, responses, members = experience.rollouts, experience.responses, experience.members
    lengths = rollouts.mask.sum(1)
    return {
        "reward_mean": float(rollouts.reward.mean()),
        "accuracy": sum(m.correct for m in members) / len(members),
        "format_rate": sum(m.answer is not None for m in members) / len(members),
        **group_mix(rollouts.correct, rollouts.group),
        "response_length": float(lengths.mean()),
        "truncated": float(responses.truncated.mean()),
        "reference_missing": {name: float((~has).float().mean()) for name, has in rollouts.has.items()},
        "lam": method.lam_at(step) if isinstance(method, TokenCredit) else None,
        "evidence": evidence_record(method, rollouts, step),
        "entropy": float(responses.entropy.sum() / responses.mask.sum()),
        "tokens": int(lengths.sum()),
    }
