"""Sections of a config that say how something is measured without training. No torch."""

from __future__ import annotations

from pydantic import Field

from workflows.lib.config.strict_model import Model, Name


class GradientSection(Model):
    """How gradients are measured: section ``gradients`` of the config."""

    batches: int = Field(default=32, ge=2, description="batches of fresh rollouts at each state, K")
    prompts: int = Field(default=8, ge=1, description="problems of a batch")
    group_size: int = Field(default=8, ge=2, description="rollouts to each problem")
    states: list[Name] = Field(
        default=["base"],
        min_length=1,
        description="policies: 'base' is untrained, any other is a variant of GRPO, at the end of its training",
    )
    micro_batch: int | None = Field(
        default=None, ge=1, description="rollouts in one forward and backward pass; null: that of engine_settings"
    )
    sampled_at_once: int = Field(default=64, ge=1, description="rollouts that are sampled side by side")
    dimension: int = Field(
        default=32768, ge=1024, description="numbers kept of a gradient; a product errs by about sqrt(2 / dimension)"
    )


class TruthSection(Model):
    """How the advantages of tokens are measured: section ``truth`` of the config."""

    prompts: int = Field(default=12, ge=1, description="problems; a right and a wrong rollout of each are measured")
    group_size: int = Field(default=8, ge=2, description="rollouts to each problem")
    continuations: int = Field(
        default=32, ge=4, multiple_of=2, description="responses sampled from each prefix of a measured rollout"
    )
    sampled_at_once: int = Field(default=256, ge=1, description="rollouts that are sampled side by side")
    states: list[Name] = Field(default=["base"], min_length=1, description="policies, as in section gradients")
