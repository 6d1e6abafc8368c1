"""EasyR1's trainer with its loop unchanged. Our advantages replace its own just before the update."""

# pyright: reportMissingImports=false
from __future__ import annotations

import math
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from verl.protocol import DataProto
from verl.trainer.ray_trainer import RayPPOTrainer

from contracts.errors import TrainError
from methods.base import Method
from methods.engines.easyr1 import checkpoint
from methods.engines.easyr1.batch_rows import worker_order
from methods.engines.easyr1.config import SEED_LIMIT, CellConfig
from methods.engines.easyr1.experience import Interpreter, ask_teachers, in_problem_order, put_back
from methods.engines.easyr1.job import TrainingJob
from methods.engines.easyr1.rollout import ASKED, CURE, PLAIN, TOLD
from methods.engines.easyr1.step_log import ACCURACY, StepLog
from methods.engines.shared.best_checkpoint import chosen_step
from methods.engines.shared.experience import Experience
from methods.engines.shared.kept_rollouts import keep
from methods.engines.shared.minibatches import minibatches
from methods.engines.shared.rollout_gap import compared
from methods.engines.shared.step_fields import rollout_fields
from methods.shared import seeding


class Workers:
    """EasyR1's group of workers. Two calls, in which our steps differ from EasyR1's, go to the trainer first."""

    def __init__(self, group: Any, trainer: CellTrainer) -> None:  # noqa: ANN401 - RayWorkerGroup makes its methods up
        self._group, self._trainer = group, trainer

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._group, name)

    def generate_sequences(self, prompts: DataProto) -> DataProto:
        """Give the rollouts of a step their seed, and ask for their log-probs. Validation has set its own seed already.

        EasyR1 gives what it finds here and vLLM's SamplingParams have to these (vllm_rollout_spmd.py:158).
        """
        if "seed" not in prompts.meta_info:
            prompts.meta_info |= {"seed": self._trainer.rollout_seed(), **ASKED}
        return self._group.generate_sequences(prompts)

    def update_actor(self, batch: DataProto) -> DataProto:
        """Run teachers, credit and update. Values for the log line are added to the metrics."""
        return self._trainer.update(self._group, batch)


class CellTrainer(RayPPOTrainer):
    """Trains one cell. run.py sets ``job`` on a subclass, because EasyR1 makes the instance itself."""

    job: TrainingJob
    config: CellConfig

    @property
    def method(self) -> Method:
        """The method with the cell's options."""
        return self.job.method

    @property
    def step_log(self) -> StepLog:
        """The object that EasyR1 calls its logger; run.py has replaced it by ours."""
        return self.logger

    @property
    def step(self) -> int:
        """0-based rollout step; EasyR1 counts from 1 and goes on from its checkpoint's number."""
        return self.global_step - 1

    def rollout_seed(self) -> int:
        """Seed of this step's rollouts."""
        return seeding.stream(self.job.cell.seed, "rollout", self.step) % SEED_LIMIT

    def init_workers(self) -> None:
        """Make EasyR1's workers and put our group in front of them."""
        super().init_workers()
        self.actor_rollout_ref_wg = Workers(self.actor_rollout_ref_wg, self)

    def _balance_batch(self, batch: DataProto, metrics: dict[str, Any], logging_prefix: str = "global_seqlen") -> None:
        """Order rows by the method's mini-batches, which are the local engine's, with equal parts for the workers."""
        method, rows = self.method, torch.arange(len(batch))
        batch.batch["row"] = rows
        answered = batch.batch["response_mask"].sum(-1)
        parts = list(minibatches(method, rows // method.group_size, answered, self.job.cell.seed, self.step))
        lengths = batch.batch["attention_mask"].sum(-1).tolist()
        batch.reorder(torch.tensor(worker_order(parts, lengths, self.actor_rollout_ref_wg.world_size)))

    def update(self, group: Any, batch: DataProto) -> DataProto:  # noqa: ANN401
        """One step's teachers, credit and optimizer updates."""
        method, step, started = self.method, self.step, time.perf_counter()
        ordered, teacher_seconds = in_problem_order(batch), None
        tensors = ordered.batch
        read = Interpreter(method, self.tokenizer, end_tokens(self.config), self.job.cell.seed)
        experience = read.read(ordered, step, compared(tensors[PLAIN], tensors[TOLD], self.job.settings.dtype, CURE))
        if method.matches_distributions or method.needs_teachers(step):
            group.start_step(step)
            ask = _teacher_logp(group)
            experience = ask_teachers(
                read, ordered, experience, step, ask, rows_multiple(self.config, group.world_size)
            )
            teacher_seconds = time.perf_counter() - started
        credit = None if method.matches_distributions else method.credit(experience.rollouts, step)
        put_back(ordered, experience, credit)
        dealt = ordered[batch.batch["row"].tolist()]
        dealt.meta_info["global_token_num"] = batch.meta_info["global_token_num"]
        output = group.update_actor(dealt)
        self._refuse_nan(output)
        measured, log = group.measure(), self.step_log
        log.peak_memory_mb = max([log.peak_memory_mb, *(one["peak_memory_mb"] for one in measured)])
        log.known = rollout_fields(method, experience, step)
        log.known |= {"delta_w": measured[0]["delta_w"], "teacher_seconds": teacher_seconds}
        self._keep(experience, token_losses(group, experience) if credit is None else credit)
        return output

    def _keep(self, experience: Experience, token_values: torch.Tensor) -> None:
        """Tokens and credit of the first groups of this step."""
        problems = self.train_dataloader.problems_of(self.step)[: self.job.settings.kept_groups]
        keep(self.job.rollouts, self.step, problems, experience, token_values, self.method, self.tokenizer)

    def _refuse_nan(self, output: DataProto) -> None:
        for name in ("loss", "grad_norm"):
            values = np.asarray(output.non_tensor_batch[f"update/{name}"], dtype=float)
            if not np.isfinite(values).all():
                bad = next(v for v in values.flatten() if not math.isfinite(v))
                raise TrainError(
                    f"cell {self.job.cell.name}, step {self.global_step}", f"{name} is {bad}",
                    "lower the learning rate; the run can go on from its last checkpoint",
                )  # fmt: skip

    def _validate(self) -> dict[str, Any]:
        """Run EasyR1's validation if there are validation problems. The best step's adapter is kept."""
        if not len(self.val_dataloader):
            return {}
        metrics = super()._validate()
        if self.global_step and self.method.checkpoint == "best_val" and self.step_log.beats_all(metrics[ACCURACY]):
            self._write_adapter(self._kept(self.global_step))
        return metrics

    def _save_checkpoint(self) -> None:
        """Save EasyR1's checkpoint after a note that says to which cell it belongs.

        EasyR1 saves a step before it logs it. Saving is delayed until the line is written, or a run killed between the
        two would lack the line.
        """
        if len(self.step_log.records) < self.global_step:
            self.step_log.after_line = self._save_checkpoint
            return
        folder = Path(self.config.trainer.save_checkpoint_path) / f"global_step_{self.global_step}"
        checkpoint.write_note(folder, self.job.cell.digest, self.step_log.resumed_at)
        super()._save_checkpoint()

    def _load_checkpoint(self) -> None:
        """Continue from this cell's last checkpoint, if there is one. Step lines after it are removed."""
        super()._load_checkpoint()
        if self.global_step:
            folder = Path(self.config.trainer.save_checkpoint_path) / f"global_step_{self.global_step}"
            self.step_log.resumed_at = (*checkpoint.read_note(folder, self.job.cell.digest), self.global_step)
        self.step_log.start(self.global_step)

    def fit(self) -> None:
        """Run EasyR1's loop, then write the adapter of the step that the option ``checkpoint`` chooses."""
        super().fit()
        adapter = self.job.out / "adapter"
        if self.method.checkpoint == "last":
            self._write_adapter(adapter)
            return
        step = chosen_step(self.step_log.records, f"cell {self.job.cell.name}")
        self.step_log.adapter_step = step
        shutil.rmtree(adapter, ignore_errors=True)
        self._kept(step).rename(adapter)

    def _kept(self, step: int) -> Path:
        """Folder in which the adapter of a validated step is kept."""
        return self.job.state / f"best_{step:05d}"

    def _write_adapter(self, folder: Path) -> None:
        self.actor_rollout_ref_wg.save_adapter(str(folder), str(self.job.base))


def token_losses(group: Any, experience: Experience) -> torch.Tensor:  # noqa: ANN401
    """Collect the loss (B, T) in nats of every token of a step from the workers."""
    values = torch.zeros_like(experience.rollouts.mask)
    for rows, losses in (part for worker in group.divergence() for part in worker):
        values[rows] = losses
    return values


def rows_multiple(config: CellConfig, workers: int) -> int:
    """The number of rows of a pass must be a multiple of this: unpacked micro-batches all have one size."""
    actor = config.worker.actor
    return workers * (1 if actor.dynamic_batching else actor.micro_batch_size_per_device_for_experience)


def end_tokens(config: CellConfig) -> list[int]:
    """Return the tokens that end a response."""
    from transformers import GenerationConfig

    ends = GenerationConfig.from_pretrained(config.worker.actor.model.model_path).eos_token_id
    return ends if isinstance(ends, list) else [ends]


def _teacher_logp(group: Any) -> Any:  # noqa: ANN401
    return lambda request: group.compute_teacher_log_probs(request).batch["teacher_log_probs"]
