"""Measure the gradient of every method at one state of the policy, on K batches of new rollouts. Nothing is trained.

All methods get the same rollouts, sampled and rewarded with the options of the first of them. The policy gradient of
the reward, ``pg``, is measured beside the methods. Options that follow a schedule have their value at rollout step 0.
Of the gradients only their inner products are kept (Gram matrix): exact within a batch, estimated from a random sketch
between batches.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from peft import set_peft_model_state_dict
from safetensors.torch import load_file
from torch import Tensor

from contracts.errors import ConfigError, DataError
from contracts.gradients import TARGET, GradientReport
from contracts.rollouts import Label
from methods.base import Method
from methods.engines.local.batch_gradients import batch_gradients, is_folded, objective_of, policy_gradient
from methods.engines.local.clock import Clock
from methods.engines.local.experience import Gatherer, look_at
from methods.engines.local.policy import Policy
from methods.engines.local.teacher_weights import AdapterTeachers
from methods.engines.shared.count_sketch import CountSketch, exact_products
from methods.engines.shared.experience import Experience
from methods.engines.shared.problems import Problem, step_rows
from methods.engines.shared.token_labels import with_labels
from methods.shared import seeding
from methods.shared.advantage import group_mix
from methods.shared.rewards import Grader

# Options that decide the rollouts and how they are rewarded. All methods get the first method's values of these.
OF_THE_ROLLOUTS = (
    "prompts", "group_size", "temperature", "max_prompt", "max_response", "max_model_len", "cut_adds_end",
    "student_image", "prompt_template", "reward", "drop_all_wrong", "score_dtype", "lora_rank", "lora_alpha",
)  # fmt: skip


@dataclass(frozen=True)
class GradientSettings:
    """How gradients are measured."""

    batches: int = 32  # K
    prompts: int = 8  # problems of a batch
    group_size: int = 8  # rollouts to each problem
    dimension: int = 32768  # of the sketch; the relative error of a product is about sqrt(2 / dimension)
    micro_batch: int = 256  # rollouts in one pass


class GradientMeter:
    """Measures the gradients of several methods on rollouts of one policy to given problems."""

    def __init__(
        self, policy: Policy, methods: Mapping[str, Method], problems: Sequence[Problem], grader: Grader,
        settings: GradientSettings, seed: int, label: Label | None = None,
    ) -> None:  # fmt: skip
        """Raises ConfigError if a method needs labels of tokens and ``label`` is None."""
        self.policy, self.problems, self.settings, self.seed, self.label = policy, problems, settings, seed, label
        self.methods = on_same_rollouts(methods, settings)
        needing = [name for name, method in self.methods.items() if method.labels]
        if needing and label is None:
            cause = f"{', '.join(needing)} need labels of tokens, which this world does not have"
            raise ConfigError("methods", cause, "leave them out, or measure in the micro world")
        wanted = {t.weights for method in self.methods.values() for t in method.teachers().values()}
        self.teachers = AdapterTeachers(policy, wanted)
        size = settings.micro_batch
        self.gatherers = {n: Gatherer(policy, m, grader, self.teachers, size) for n, m in self.methods.items()}
        self.sampling = Gatherer(policy, _without_teachers(self.first), grader, self.teachers, size)

    @property
    def first(self) -> Method:
        """The method that decides how rollouts are sampled."""
        return next(iter(self.methods.values()))

    def experience(self, batch: int) -> tuple[list[Problem], Experience]:
        """Make new rollouts for the 0-based ``batch``. No teacher is asked yet."""
        rows = step_rows(self.seed, batch, self.settings.prompts, len(self.problems))
        problems = [self.problems[row] for row in rows]
        found = self.sampling.gather(problems, 0, seeding.stream(self.seed, "rollout", batch), Clock())
        if self.label is None:
            return problems, found
        asked, tokenizer = [problems[o] for o in found.responses.owner.tolist()], self.policy.processor.tokenizer
        labelled = with_labels(found.rollouts, asked, found.responses.truncated, tokenizer, self.label)
        return problems, replace(found, rollouts=labelled)

    def gradients(self, batch: int, problems: list[Problem], experience: Experience) -> Float[Tensor, "M N"]:
        """Return the gradient of each method and, in the last row, the policy gradient."""
        seed, visions = seeding.stream(self.seed, "rollout", batch), look_at(self.policy, problems)
        objectives = []
        for name, method in self.methods.items():
            own = experience
            if method.matches_distributions or method.needs_teachers(0):
                rollouts, hidden = self.gatherers[name].ask_teachers(
                    problems, visions, experience.members, experience.responses, experience.rollouts, seed, 0
                )
                own = replace(experience, rollouts=rollouts, teacher_hidden=hidden)
            objectives.append(objective_of(self.policy, method, own))
        objectives.append(policy_gradient(experience.rollouts))
        passes = (self.settings.micro_batch, self.first.temperature, self.first.score_dtype)
        return batch_gradients(self.policy, objectives, experience, *passes)

    def measure(self, state: str) -> tuple[GradientReport, Float[np.ndarray, "K M K M"]]:
        """Measure all batches. Returns the report and the inner products; ``state`` names the state of the policy."""
        begun, sketches, exact, seen = time.perf_counter(), [], [], list[tuple[float, ...]]()
        sketch, length = None, 0
        for batch in range(self.settings.batches):
            problems, experience = self.experience(batch)
            gradients = self.gradients(batch, problems, experience)
            if sketch is None:
                sketch = CountSketch(gradients.shape[1], self.settings.dimension, self.seed, gradients.device)
            length = gradients.shape[1]
            sketches.append(sketch(gradients).double().cpu())
            exact.append(exact_products(gradients).cpu())
            seen.append(_facts(experience))
        accuracy, mixed, tokens, labelled = np.mean(seen, axis=0).tolist()
        report = GradientReport(
            methods=[*self.methods, TARGET],
            batches=self.settings.batches,
            prompts=self.settings.prompts,
            group_size=self.settings.group_size,
            state=state,
            seed=self.seed,
            differentiated="folded" if is_folded(self.policy, self.first.score_dtype) else "adapter",
            numbers=length,
            dimension=self.settings.dimension,
            accuracy=accuracy,
            mixed=mixed,
            tokens=tokens,
            labelled=labelled if self.label else None,
            seconds=time.perf_counter() - begun,
        )
        return report, gram_matrix(torch.stack(sketches), torch.stack(exact)).numpy()


def on_same_rollouts(methods: Mapping[str, Method], settings: GradientSettings) -> dict[str, Method]:
    """Give all methods the first one's options that decide rollouts, and the batch size of ``settings``."""
    first = next(iter(methods.values()))
    shared = {name: getattr(first, name) for name in OF_THE_ROLLOUTS}
    shared |= {"prompts": settings.prompts, "group_size": settings.group_size}
    return {name: replace(method, **shared) for name, method in methods.items()}


def load_adapter(policy: Policy, folder: Path) -> None:
    """Load a trained cell's adapter into the policy. Raises DataError if it does not fit."""
    try:
        result = set_peft_model_state_dict(policy.model, load_file(folder / "adapter_model.safetensors"))
    except (OSError, RuntimeError) as error:
        raise DataError(str(folder), f"the adapter does not load ({error})", "train the cell again") from error
    if result.unexpected_keys or set(result.missing_keys) & set(policy.trainable):
        raise DataError(str(folder), "its tensors do not fit the base model", "train the cell again")


def gram_matrix(sketches: Float[Tensor, "K M D"], exact: Float[Tensor, "K M M"]) -> Float[Tensor, "K M K M"]:
    """Inner products of all gradients: between batches from the sketches, within a batch the exact ones."""
    batches, methods, _ = sketches.shape
    rows = sketches.reshape(batches * methods, -1)
    gram = (rows @ rows.T).reshape(batches, methods, batches, methods)
    each = torch.arange(batches)
    gram[each, :, each, :] = exact
    return gram


def _without_teachers(method: Method) -> Method:
    """Return a method with the same rollouts and without teachers; teachers are asked later, for each method."""
    shared = {name: getattr(method, name) for name in OF_THE_ROLLOUTS}
    return Method(**shared)


def _facts(experience: Experience) -> tuple[float, float, float, float]:
    """Return accuracy, share of mixed groups, number of response tokens, and share of rollouts with labels."""
    rollouts = experience.rollouts
    mixed = group_mix(rollouts.correct, rollouts.group)["mixed"]
    read = torch.stack(list(rollouts.labels.values())).any(0).any(1) if rollouts.labels else rollouts.correct * False
    return float(rollouts.correct.float().mean()), mixed, float(rollouts.mask.sum()), float(read.float().mean())
