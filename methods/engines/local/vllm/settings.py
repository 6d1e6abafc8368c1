"""Section ``engine_settings`` of the config: all settings of the local engine, those of vLLM included. No torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from methods.engines.shared.settings import SharedSettings


class RolloutEngine(BaseModel):
    """How vLLM samples the rollouts, in a process beside the one that trains."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    python: str | None = Field(
        None, description="Python of an environment with vLLM (envs/eval.txt); null: the one that runs the rule"
    )
    gpu_memory_utilization: float = Field(
        0.4, gt=0, le=1, description="share of the GPU for vLLM; training has the rest"
    )
    enforce_eager: bool = Field(False, description="true: no CUDA graphs, a quicker start and slower rollouts")


class LocalSettings(SharedSettings):
    """All settings of the local engine."""

    rollouts: Literal["hf", "vllm"] = Field("hf", description="what samples responses: the policy itself, or vLLM")
    vllm: RolloutEngine = Field(default_factory=RolloutEngine, description="for rollouts: vllm")  # pyright: ignore

    def deciding(self) -> SharedSettings:
        """The settings that are used. Those of vLLM do not count where it does not sample the rollouts."""
        if self.rollouts == "vllm":
            return self
        return SharedSettings(**{name: getattr(self, name) for name in SharedSettings.model_fields})
