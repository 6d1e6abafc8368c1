"""Train one cell. A stopped run can be resumed; on CPU the same cell gives the same bits."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from contracts.errors import ConfigError, TrainError
from contracts.files import write_text
from contracts.prepared import read_prepared
from contracts.records import Cell, TrainingStep
from contracts.rollouts import Label
from methods.base import Method, load_method
from methods.engines.local import checkpoint
from methods.engines.local.adapter_folder import save_adapter
from methods.engines.local.best_adapter import keep_if_best, restore_best
from methods.engines.local.clock import Clock
from methods.engines.local.experience import Drawn, Gatherer
from methods.engines.local.memory import forget_products, keep_freed_memory
from methods.engines.local.networks.loading import load_networks
from methods.engines.local.policy import Policy
from methods.engines.local.prompt_length import prompt_length
from methods.engines.local.redraw import draw_until_mixed
from methods.engines.local.sample import Sampler, roll_out
from methods.engines.local.step_record import step_record
from methods.engines.local.stored_pairs import stored_rollouts
from methods.engines.local.teacher_weights import AdapterTeachers, update_norm
from methods.engines.local.update import MiniBatch, Update, credit_loss, distillation_loss, matching_loss, update
from methods.engines.local.validate import Validator
from methods.engines.shared.experience import Experience
from methods.engines.shared.kept_rollouts import join, keep
from methods.engines.shared.minibatches import minibatches
from methods.engines.shared.problems import Problem, load_problems, step_rows
from methods.engines.shared.prompt_limit import prompt_limit, short_enough
from methods.engines.shared.run_record import Started, run_record
from methods.engines.shared.settings import SharedSettings
from methods.engines.shared.step_lines import read_steps, steps_before, write_steps
from methods.engines.shared.token_labels import with_labels
from methods.shared import seeding
from methods.shared.finite import check_finite
from methods.shared.limits import check_engine_options
from methods.shared.rewards import Grader
from methods.shared.schedule import lr_factor

SETTINGS = SharedSettings  # what ``train`` is told


class Trainer:
    """Holds policy, optimizer, teachers and problems of one cell, and runs its rollout steps."""

    def __init__(self, cell: Cell, method: Method, base: Path, problems: list[Problem], state: Path,
                 settings: SharedSettings, grader: Grader, sampler: Sampler = roll_out,
                 label: Label | None = None, prepared: Path | None = None) -> None:  # fmt: skip
        self.cell, self.method, self.state, self.settings, self.label = cell, method, state, settings, label
        self.policy = Policy(base, method, cell.device, settings.dtype, seeding.stream(cell.seed, "init"))
        limit = prompt_limit(method)
        self.problems = short_enough(problems, method, lambda p: prompt_length(self.policy, method, p, limit))
        self.optimizer = torch.optim.AdamW(
            list(self.policy.trainable.values()), lr=method.lr, weight_decay=method.weight_decay
        )
        self.teachers = AdapterTeachers(self.policy, {t.weights for t in method.asked_teachers()})
        self.networks = load_networks(method, prepared, self.policy)
        self.gatherer = Gatherer(
            self.policy,
            method,
            grader,
            self.teachers,
            settings.micro_batch,
            sampler,
            self.networks,
            settings.rollout_batch,
        )

    def step(self, step: int) -> TrainingStep:
        """Run one rollout step (0-based): make its experience, then its optimizer updates."""
        method, clock = self.method, Clock()
        lr = method.lr * lr_factor(step, method.steps, method.lr_schedule, method.warmup_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.teachers.start_step(step)
        drawn = self._drawn(step, clock)
        problems = drawn.problems
        experience = self._labelled(self.gatherer.score(drawn, step, self.cell.seed, clock), problems)
        with clock.phase("update"):
            updates, token_values = self._updates(experience, step)
        self.teachers.moved("step")
        with clock.phase("keep"):
            kept, tokenizer = problems[: self.settings.kept_groups], self.policy.processor.tokenizer
            keep(self.state / "rollouts", step, kept, experience, token_values, method, tokenizer)
        return step_record(step, method, experience, updates, lr, update_norm(self.policy), dict(clock.seconds))

    def _drawn(self, step: int, clock: Clock) -> Drawn:
        """The rollouts of a step: new ones, or pairs that were prepared."""
        method, seed = self.method, self.cell.seed
        if method.offline():
            pairs = None if self.networks is None else self.networks.pairs
            return stored_rollouts(self.gatherer, pairs, self.problems, step, seed, clock)
        rows = step_rows(seed, step, method.prompts, len(self.problems))
        return draw_until_mixed(self.gatherer, self.problems, rows, step, seed, clock)

    def _labelled(self, experience: Experience, problems: list[Problem]) -> Experience:
        """Add labels of tokens if the method needs them. Raises ConfigError if this world has none."""
        if not self.method.labels:
            return experience
        if self.label is None:
            cause = f"{self.cell.method} needs labels of tokens, which world {self.cell.world} does not have"
            raise ConfigError(f"cell {self.cell.name}", cause, "leave it out, or run it in the micro world")
        responses, tokenizer = experience.responses, self.policy.processor.tokenizer
        asked = [problems[owner] for owner in responses.owner.tolist()]
        labelled = with_labels(experience.rollouts, asked, responses.truncated, tokenizer, self.label)
        return replace(experience, rollouts=labelled)

    def _updates(self, experience: Experience, step: int) -> tuple[list[Update], Tensor]:
        """Make the updates. Also returns each token's credit (B, T), or its divergence when its update was made."""
        method, batch = self.method, experience.rollouts
        if not method.matches_distributions:
            token_values = method.credit(batch, step)
            moving = (token_values != 0).any(1)
            loss = credit_loss(self.policy, method, batch, token_values)
        else:
            token_values = torch.zeros_like(batch.mask)
            moving = torch.stack(list(batch.has.values())).any(0)
            loss = matching_loss(self.policy, method, batch, experience.teacher_hidden)
        done = []
        parts = list(minibatches(method, batch.group, batch.mask.sum(1).long(), self.cell.seed, step))
        for rows, privileged in zip(parts, self._privileged(experience, len(parts)), strict=True):
            active = rows[moving[rows]]
            one = MiniBatch(experience.contexts, experience.responses, rows, active, loss)
            done.append(update(self.policy, method, self.optimizer, one, self.settings.micro_batch, privileged))
            self._refuse_nan(done[-1], experience, step)
            self.teachers.moved("update")
            if method.matches_distributions:
                token_values[active] = done[-1].token_loss[active]
        return done, token_values

    def _privileged(self, experience: Experience, updates: int) -> list[MiniBatch | None]:
        """The step's privileged rollouts, in order, shared out over its ``updates``; None where none are left."""
        own = experience.privileged
        if own is None:
            return [None] * updates
        loss = distillation_loss(self.policy, self.method, own.rollouts, own.teacher_hidden)
        shares = torch.arange(len(own.members), device=self.policy.device).tensor_split(updates)
        return [MiniBatch(own.contexts, own.responses, rows, rows, loss) if len(rows) else None for rows in shares]

    def _refuse_nan(self, done: Update, experience: Experience, step: int) -> None:
        for name, value in (("loss", done.loss), ("gradient norm", done.grad_norm)):
            if not math.isfinite(value):
                path = self.state / f"failed_step_{step + 1}.safetensors"
                save_file(_dump(experience), path)
                raise TrainError(
                    f"cell {self.cell.name}, step {step + 1}", f"{name} is {value}",
                    f"batch saved to {path}; lower the learning rate or look into the batch",
                )  # fmt: skip


def train(
    cell: Cell, data: Path, validation: Path, base: Path, out: Path, settings: SharedSettings,
    sampler: Sampler = roll_out, label: Label | None = None, prepared: Path | None = None,
) -> None:  # fmt: skip
    """Train ``cell`` on ``data`` from ``base``; writes adapter/, train.jsonl, rollouts.parquet and run.json to ``out``.

    ``sampler`` draws the responses of training and of validation. ``prepared``: folder of the model that was prepared
    for the method, if it needs one. Checkpoints are in ``out/state/``; a run that was stopped continues from there and
    ends with the same bits. The caller removes that folder when all of the cell is written. Raises TrainError (a NaN, a
    damaged or foreign checkpoint), DataError (missing or broken inputs) and ConfigError (an option that this engine
    cannot train with).
    """
    clock, started = Clock(), Started.now()
    keep_freed_memory()
    forget_products()
    method = load_method(cell.method, dict(cell.options))
    check_engine_options("local", asdict(method))
    check_finite(base, "the base model")
    state = out / "state"
    state.mkdir(parents=True, exist_ok=True)
    with Grader(deadline=settings.grade_deadline) as grader:
        with clock.phase("load"):
            pixels = (settings.min_pixels, settings.max_pixels)
            trainer = Trainer(cell, method, base, load_problems(data, pixels), state, settings, grader, sampler, label,
                              prepared)  # fmt: skip
            validator = Validator(
                trainer.policy, method, grader, load_problems(validation, pixels), settings, cell.seed, sampler
            )
        with clock.phase("validate"):
            accuracy_start = validator.accuracy()
        resumed_at = run_steps(trainer, validator, state / "progress.jsonl", clock)
    steps = read_steps(state / "progress.jsonl")
    with clock.phase("save"):
        step = (
            restore_best(trainer.policy, steps, state, cell.name) if method.checkpoint == "best_val" else method.steps
        )
        save_adapter(trainer.policy, out / "adapter")
        join(state / "rollouts", out / "rollouts.parquet", method.steps)
    validated = len(validator.problems)
    cost = read_prepared(prepared).cost if prepared is not None and method.prepared else None
    record = run_record(cell, steps, started, clock.seconds, resumed_at, accuracy_start, validated, step, cost)
    write_text(out / "run.json", record.model_dump_json(indent=1))
    write_steps(out / "train.jsonl", steps)


def run_steps(trainer: Trainer, validator: Validator, lines: Path, clock: Clock) -> tuple[int, ...]:
    """Run all steps that are still to do and write a line for each. Returns the steps at which the run was resumed."""
    settings, steps = trainer.settings, trainer.method.steps
    tensors = (trainer.policy, trainer.optimizer, trainer.teachers)
    resume = checkpoint.load(trainer.state, trainer.cell.digest, *tensors)
    first = resume.step if resume else 0
    resumed_at = (*resume.resumed_at, first) if resume else ()
    records = steps_before(lines, first)
    for step in range(first, steps):
        record = trainer.step(step)
        if validator.due(step + 1, steps):
            with clock.phase("validate"):
                record = record.model_copy(update={"val_accuracy": validator.accuracy()})
        records.append(record)
        if trainer.method.checkpoint == "best_val":
            keep_if_best(trainer.policy, records, trainer.state)
        write_steps(lines, records)
        if (step + 1) % settings.checkpoint_every == 0 and step + 1 < steps:
            with clock.phase("save"):
                checkpoint.save(trainer.state, step + 1, trainer.cell.digest, resumed_at, *tensors)
    return resumed_at


def _dump(experience: Experience) -> dict[str, torch.Tensor]:
    """Return the tensors of a batch, which are saved so that a failure can be examined."""
    batch = experience.rollouts
    plain = {"tokens": batch.tokens, "mask": batch.mask, "reward": batch.reward, "advantage": batch.advantage}
    return {k: v.contiguous() for k, v in (plain | {f"logp_{n}": v for n, v in batch.logp.items()}).items()}
