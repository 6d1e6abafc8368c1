"""Settings of both engines that change speed or reporting, not the method. No torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SharedSettings(BaseModel):
    """Section ``engine_settings`` of the config."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    dtype: Literal["float32", "bfloat16"] = Field("float32", description="dtype of the frozen base weights")
    micro_batch: int = Field(
        256,
        ge=1,
        description="rollouts in one forward and backward pass, half as many under autocast; lower it to save memory",
    )
    rollout_batch: int | None = Field(
        None,
        ge=1,
        description="rollouts that the local engine samples side by side, which takes no memory for gradients; "
        "null: micro_batch",
    )
    min_pixels: int | None = Field(
        None, ge=1, description="local engine: smaller images are enlarged; released code: 262144"
    )
    max_pixels: int | None = Field(
        None, ge=1, description="local engine: larger images are shrunk; released code: 4194304"
    )
    checkpoint_every: int = Field(10, ge=1, description="rollout steps between checkpoints for resuming")
    validate_every: int = Field(10, ge=1, description="rollout steps between validations")
    validation_problems: int = Field(256, ge=0, description="validation problems answered once each; 0 turns it off")
    kept_groups: int = Field(8, ge=0, description="groups of each step of which tokens and credit are kept")
    grade_deadline: float = Field(
        5.0, gt=0, description="processor seconds that the verifier takes at most for an answer"
    )
