"""Make a line of ``train.jsonl`` from EasyR1's metrics of a step."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from contracts.files import write_text
from contracts.records import TrainingStep
from methods.engines.easyr1.job import TrainingJob
from methods.engines.shared.step_lines import step_line, steps_before, write_steps

ACCURACY = "val/accuracy_reward"
CLIPS = ("clip_low", "clip_high", "dual_clip")


class StepLog:
    """Replaces EasyR1's tracker, and so is given the metrics of every step and of every validation."""

    def __init__(self, job: TrainingJob) -> None:
        self.job, self.records = job, list[TrainingStep]()
        self.known: dict[str, Any] = {}  # fields of the coming step that are no metrics of EasyR1
        self.peak_memory_mb, self.val_problems = 0.0, 0
        self.adapter_step = job.method.steps
        self.resumed_at: tuple[int, ...] = ()
        self.after_line: Callable[[], None] | None = None  # called once, when the coming line is written
        self.start_file = job.state / "validation_start.json"

    def start(self, step: int) -> None:
        """Steps done so far, after a resume; later lines are dropped and made again. TrainError if one is missing."""
        self.records = steps_before(self.job.lines, step)

    def log(self, data: dict[str, Any], step: int) -> None:
        """Take the metrics of a step, or of a validation before the first or after the last step."""
        accuracy = data.get(ACCURACY)
        if "update/loss" in data:
            self.records.append(self._record(data, step))
        elif step == 0:
            write_text(self.start_file, json.dumps(accuracy))
        elif accuracy is not None:
            self.records[-1] = self.records[-1].model_copy(update={"val_accuracy": float(accuracy)})
        write_steps(self.job.lines, self.records)
        waiting, self.after_line = self.after_line, None
        if waiting is not None:
            waiting()

    def beats_all(self, accuracy: float) -> bool:
        """Whether this validation accuracy is above those of all steps before."""
        return all(record.val_accuracy is None or accuracy > record.val_accuracy for record in self.records)

    def accuracy_start(self) -> float | None:
        """Validation accuracy before the first step; None if it was not measured."""
        return json.loads(self.start_file.read_text()) if self.start_file.exists() else None

    def _record(self, data: dict[str, Any], step: int) -> TrainingStep:
        method, known = self.job.method, dict(self.known)
        asked, looked = known.pop("teacher_seconds"), float(data["update/teacher_seconds"])
        teacher = None if asked is None else asked + looked  # credit: asked by the driver; matching: in the workers
        seconds = {
            "rollout": data["timing_s/gen"],
            "verify": data["timing_s/reward"] + data["timing_s/adv"],  # EasyR1 waits for the rewards in the latter
            "score": data["timing_s/old"],
            "update": data["timing_s/update_actor"] - (teacher or 0.0),
        }
        other = data.get("reward/other_grader")
        fields = {
            "step": step,
            "loss": float(data["update/loss"]),
            "grad_norm": float(data["update/grad_norm"]),
            "lr": float(data["actor/lr"]),
            "grade_timeouts": round(float(data["reward/no_verdict"]) * method.prompts * method.group_size),
            "other_grader": None if other is None else round(float(other) * method.prompts * method.group_size),
            "val_accuracy": None if data.get(ACCURACY) is None else float(data[ACCURACY]),
            "seconds": seconds | ({} if teacher is None else {"teacher": teacher}),
            **{name: float(data[f"update/{name}"]) for name in CLIPS if f"update/{name}" in data},
        }
        return step_line(f"cell {self.job.cell.name}, step {step}", fields | known)
