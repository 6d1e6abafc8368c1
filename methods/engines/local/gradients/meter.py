"""The gradient of every method at one state of the policy, on batches of fresh rollouts, without training.

All methods see the same rollouts, sampled and rewarded as the first of them has it; beside them stands ``pg``, the
policy gradient of the reward. Options that follow a schedule are those of rollout step 0. What is kept of a batch's
gradients are their products, and a random sketch of each for the products with other batches.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from peft import set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from contracts.errors import ConfigError, DataError
from contracts.rollouts import Label
from methods.base import Method
from methods.engines.local.clock import Clock
from methods.engines.local.experience import Gatherer, look_at
from methods.engines.local.gradients.batch import (
    batch_gradients,
    distillation_of,
    is_folded,
    objective_of,
    policy_gradient,
)
from methods.engines.local.gradients.shared_teachers import SharedTeachers
from methods.engines.local.networks.protocol import Networks
from methods.engines.local.policy import Policy
from methods.engines.local.prompt_length import prompt_length
from methods.engines.local.sample import roll_out
from methods.engines.local.services.privileged import PrivilegedService
from methods.engines.local.services.values import ValueService
from methods.engines.local.teacher_weights import AdapterTeachers
from methods.engines.shared.count_sketch import CountSketch, exact_products
from methods.engines.shared.experience import Experience, advantage_of
from methods.engines.shared.problems import Problem, step_rows
from methods.engines.shared.prompt_limit import prompt_limit, short_enough
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
    micro_batch: int = 256  # rollouts in one forward and backward pass
    sampled_at_once: int = 64  # rollouts; sampling keeps no activations


@dataclass(frozen=True)
class GradientBatch:
    """What is kept of the gradients of M objectives on one batch, the policy gradient last."""

    sketch: Float[Tensor, "M D"]
    products: Float[Tensor, "M M"]  # exact
    facts: dict[str, float]  # of the rollouts; names as in GradientReport
    numbers: int  # length of one gradient
    folded: bool  # gradients of the layers' weights, else of the adapter


class GradientMeter:
    """Measures the gradients of several methods on rollouts of one policy to given problems."""

    def __init__(
        self, policy: Policy, methods: Mapping[str, Method], problems: Sequence[Problem], grader: Grader,
        settings: GradientSettings, seed: int, label: Label | None = None,
        networks: Mapping[str, Networks | None] | None = None,
    ) -> None:  # fmt: skip
        """``networks``: what was prepared, by method. ConfigError where one needs labels and ``label`` is None."""
        self.networks = networks or {}
        self.policy, self.grader, self.settings, self.seed, self.label = policy, grader, settings, seed, label
        self.methods = on_same_rollouts(methods, settings)
        needing = [name for name, method in self.methods.items() if method.labels]
        if needing and label is None:
            cause = f"{', '.join(needing)} need labels of tokens, which this world does not have"
            raise ConfigError("methods", cause, "leave them out, or measure in the micro world")
        branching = [name for name, method in self.methods.items() if method.rollout_tree() is not None]
        if branching:
            cause = f"{', '.join(branching)} would sample a tree of rollouts, and all methods are shown the same ones"
            raise ConfigError("methods", cause, "leave them out")
        first, limit = self.first, prompt_limit(self.first)
        self.problems = short_enough(problems, first, lambda problem: prompt_length(policy, first, problem, limit))
        self.teachers = SharedTeachers(policy, self.methods, settings.micro_batch)
        nobody = AdapterTeachers(policy, set())
        self.sampling = Gatherer(policy, _without_teachers(first), grader, nobody, settings.sampled_at_once)
        self._sketch: CountSketch | None = None

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

    def own_experiences(self, batch: int, problems: list[Problem], experience: Experience) -> dict[str, Experience]:
        """The experience of the 0-based ``batch`` as each method has it, with all that its hooks are given."""
        told = self.teachers.ask(problems, experience, seeding.stream(self.seed, "rollout", batch))
        return {name: self._own(name, batch, problems, told.get(name, experience)) for name in self.methods}

    def gradients(self, batch: int, problems: list[Problem], experience: Experience) -> Float[Tensor, "M N"]:
        """The gradients of all methods and, last, of the policy gradient."""
        asked = self.own_experiences(batch, problems, experience)
        objectives = [objective_of(self.policy, self.methods[name], own) for name, own in asked.items()]
        objectives.append(policy_gradient(experience.rollouts))
        passes = (self.settings.micro_batch, self.first.temperature, self.first.score_dtype)
        found = batch_gradients(self.policy, objectives, experience, *passes)
        for place, method in enumerate(self.methods.values()):
            own = self._privileged(method, batch, problems, experience)
            if own is not None:
                objective = distillation_of(self.policy, method, own)
                found[place] += batch_gradients(self.policy, [objective], own, *passes)[0]
        return found

    def measure(self, batch: int) -> GradientBatch:
        """The gradients of the 0-based ``batch``, as far as they are kept."""
        begun = time.perf_counter()
        problems, experience = self.experience(batch)
        gradients = self.gradients(batch, problems, experience)
        sketch = self._sketched(gradients)
        return GradientBatch(
            sketch=sketch,
            products=exact_products(gradients).cpu(),
            facts=_facts(experience) | {"seconds": time.perf_counter() - begun},
            numbers=gradients.shape[1],
            folded=is_folded(self.policy, self.first.score_dtype),
        )

    def _own(self, name: str, batch: int, problems: list[Problem], experience: Experience) -> Experience:
        """The experience with the method's own advantages and what else it asks for: values, prepared networks.

        A method that trains offline is shown these rollouts too: its gradient is that of the pairs among them.
        """
        method, rollouts, responses = self.methods[name], experience.rollouts, experience.responses
        rollouts = replace(rollouts, advantage=advantage_of(method, rollouts.reward, responses, rollouts.correct))
        if (wanted := method.prefix_values()) is not None:
            service = ValueService(self.policy, method, self.grader, roll_out, self.settings.sampled_at_once)
            prompts = experience.contexts[:: self.settings.group_size]
            seed = seeding.stream(self.seed, "continuation", batch)
            rollouts, _ = service.ask(wanted, problems, prompts, responses, rollouts, seed)
        if (networks := self.networks.get(name)) is not None:
            asked = (self.policy, method, experience.contexts, responses, rollouts, self.settings.micro_batch)
            rollouts = replace(rollouts, prepared=networks.ask(*asked))
        return replace(experience, rollouts=rollouts)

    def _privileged(
        self, method: Method, batch: int, problems: list[Problem], experience: Experience
    ) -> Experience | None:
        """The right ones of the privileged rollouts that the method asks for; None where there are none."""
        if (wanted := method.privileged_rollouts()) is None:
            return None
        size, prompts = self.settings.sampled_at_once, experience.contexts[:: self.settings.group_size]
        service = PrivilegedService(self.policy, method, self.grader, roll_out, self.teachers.weights, size)
        asked = (problems, look_at(self.policy, problems), prompts, experience.members)
        return service.ask(wanted, *asked, experience.rollouts, self.seed, batch)[0]

    def _sketched(self, gradients: Float[Tensor, "M N"]) -> Float[Tensor, "M D"]:
        if self._sketch is None:
            self._sketch = CountSketch(gradients.shape[1], self.settings.dimension, self.seed, gradients.device)
        return self._sketch(gradients).cpu()


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
    except (OSError, RuntimeError, SafetensorError) as error:
        raise DataError(str(folder), f"the adapter does not load ({error})", "train the cell again") from error
    if result.unexpected_keys or set(result.missing_keys) & set(policy.trainable):
        raise DataError(str(folder), "its tensors do not fit the base model", "train the cell again")


def gram_matrix(sketches: Float[Tensor, "K M D"], exact: Float[Tensor, "K M M"]) -> Float[Tensor, "K M K M"]:
    """Inner products of all gradients: between batches from the sketches, within a batch the exact ones."""
    batches, methods, _ = sketches.shape
    rows = sketches.double().reshape(batches * methods, -1)
    gram = (rows @ rows.T).reshape(batches, methods, batches, methods)
    each = torch.arange(batches)
    gram[each, :, each, :] = exact
    return gram


def _without_teachers(method: Method) -> Method:
    """A method with the same rollouts that asks nobody: teachers are asked for all methods together."""
    shared = {name: getattr(method, name) for name in OF_THE_ROLLOUTS}
    return Method(**shared)


def _facts(experience: Experience) -> dict[str, float]:
    """Accuracy, share of mixed groups, response tokens, share of rollouts with labels."""
    rollouts = experience.rollouts
    read = torch.stack(list(rollouts.labels.values())).any(0).any(1) if rollouts.labels else rollouts.correct * False
    return {
        "accuracy": float(rollouts.correct.float().mean()),
        "mixed": group_mix(rollouts.correct, rollouts.group)["mixed"],
        "tokens": float(rollouts.mask.sum()),
        "labelled": float(read.float().mean()),
    }
