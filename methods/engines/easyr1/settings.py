"""Settings of the EasyR1 engine that say how a cell is run, not what the method does. No torch."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from methods.engines.shared.settings import SharedSettings


class EasyR1Settings(BaseModel):
    """Section ``easyr1`` of the config; ``engine_settings`` (dtype, micro_batch, ...) holds for both engines."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    checkout: str = Field("EasyR1", min_length=1, description="folder; `make fetch` makes it if it is not there")
    python: str | None = Field(
        None, description="Python of the environment with EasyR1's packages; null: the one that runs the rule"
    )
    nodes: int = Field(1, ge=1, description="nodes; more than one needs a running Ray cluster")
    gpus_per_node: int = Field(8, ge=1, description="workers per node, one GPU each")
    ray_address: str | None = Field(None, description="'auto' or host:port of a running Ray cluster; null: start one")
    tensor_parallel: int = Field(1, ge=1, description="GPUs that share one vLLM engine")
    gpu_memory_utilization: float = Field(0.6, gt=0, le=1, description="share of a GPU that vLLM may take")
    max_batched_tokens: int = Field(8192, ge=1, description="tokens vLLM handles at once; at least prompt + response")
    enforce_eager: bool = Field(False, description="no CUDA graphs in vLLM: slower, starts faster, takes less memory")
    packed: bool = Field(True, description="training passes without padding; False pads every row to the longest")
    offload: bool = Field(False, description="keep training weights and moments in host memory while vLLM rolls out")
    gradient_checkpointing: bool = Field(True, description="recompute activations in the backward pass")
    min_pixels: int | None = Field(None, ge=1, description="smaller images are enlarged; released code: 262144")
    max_pixels: int | None = Field(None, ge=1, description="larger images are shrunk; released code: 4194304")


class EasyR1EngineSettings(SharedSettings):
    """All settings of this engine: ``engine_settings`` as for the local engine, with section ``easyr1`` in it."""

    easyr1: EasyR1Settings = Field(default_factory=EasyR1Settings)  # pyright: ignore[reportArgumentType]
