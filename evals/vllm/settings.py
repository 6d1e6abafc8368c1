"""Section ``evaluation`` of the config: all settings of an evaluation, those of vLLM included. No torch."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from contracts.records import Record
from evals.settings import EvalSettings

HOTTEST = 2.0  # vllm.SamplingParams refuses more


class VllmSettings(Record):
    """How vLLM uses the machine; moves no setting of the sampler."""

    python: str | None = Field(
        default=None,
        description="Python of an environment with vLLM (envs/eval.txt); null: the one that runs the rule",
    )
    tensor_parallel: int = Field(default=1, ge=1, description="GPUs that share one copy of the model")
    data_parallel: int = Field(default=1, ge=1, description="copies of the model that share the questions")
    gpu_memory_utilization: float = Field(
        default=0.9, gt=0, le=1, description="share of each GPU for weights and cached keys and values"
    )
    max_model_len: int | None = Field(
        default=None, ge=1, description="prompt and response in tokens; null: what the model was made for"
    )
    enforce_eager: bool = Field(default=False, description="true: no CUDA graphs, a quicker start and slower answers")


class Evaluation(EvalSettings):
    """Sampling and size of an evaluation, and what runs it."""

    backend: Literal["local", "vllm"] = Field(
        default="local", description="local: transformers in one process; vllm: vLLM through lmms-eval's own model"
    )
    vllm: VllmSettings = Field(default_factory=VllmSettings, description="for backend vllm")

    @model_validator(mode="after")
    def _temperature_vllm_takes(self) -> Self:
        if self.backend == "vllm" and self.temperature > HOTTEST:
            raise ValueError(f"temperature: vLLM samples at {HOTTEST:g} at the most, not at {self.temperature:g}")
        return self

    def deciding(self) -> EvalSettings:
        """The settings that this backend reads: those of the other one make no evaluation run again."""
        if self.backend == "vllm":
            return self
        return EvalSettings(**{name: getattr(self, name) for name in EvalSettings.model_fields})
