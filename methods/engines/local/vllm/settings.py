"""How the local engine rolls out: section ``engine_settings`` of the config, whole. No torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from methods.engines.shared.settings import SharedSettings


class RolloutEngine(BaseModel):
    """The vLLM that rolls out, beside the process that trains."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    python: str | None = Field(
        None, description="Python of an environment with vLLM (envs/eval.txt); null: the one that runs the rule"
    )
    gpu_memory_utilization: float = Field(
        0.4, gt=0, le=1, description="share of the GPU for vLLM; training has the rest"
    )
    enforce_eager: bool = Field(False, description="true: no CUDA graphs, a quicker start and slower rollouts")


class LocalSettings(SharedSettings):
    """All that the local engine is told."""

    rollouts: Literal["hf", "vllm"] = Field("hf", description="what samples responses: the policy itself, or vLLM")
    vllm: RolloutEngine = Field(default_factory=RolloutEngine, description="for rollouts: vllm")  # pyright: ignore

    def deciding(self) -> SharedSettings:
        """The settings that are read: those of vLLM make nothing run again where it does not roll out."""
        if self.rollouts == "vllm":
            return self
        return SharedSettings(**{name: getattr(self, name) for name in SharedSettings.model_fields})
