"""How models are evaluated: section ``evaluation`` of the config. No torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.records import OptionValue, Record


class EvalSettings(Record):
    """Sampling and size of an evaluation. Defaults are the paper's (section 4.1) where it states a value."""

    temperature: float = Field(default=1.0, ge=0, description="0 decodes greedily")
    top_p: float = Field(default=1.0, gt=0, le=1, description="1 keeps every token")
    top_k: int = Field(default=40, ge=0, description="0 keeps every token")
    presence_penalty: float = Field(
        default=2.0,
        ge=-2,
        le=2,
        description="taken off the logit of each token the response already holds, as in vLLM",
    )
    max_new_tokens: int = Field(default=32000, ge=1, description="response tokens, end-of-turn included")
    batch_size: int = Field(default=128, ge=1, description="prompts per generate call; moves no sampled token")
    limit: int | None = Field(default=None, ge=1, description="only the first items of each benchmark; null: all")
    seed: int = Field(default=0, ge=0, description="seed of the sampling noise, mixed with the seed of the cell")
    device: Literal["cpu", "cuda"] = Field(default="cpu", description="where the model runs")
    dtype: Literal["float32", "bfloat16"] = Field(default="float32", description="precision of the model")

    def generation(self) -> dict[str, OptionValue]:
        """The settings that decide how a response is sampled, under lmms-eval's names (``gen_kwargs``); no seeds."""
        names = ("temperature", "top_p", "top_k", "presence_penalty", "max_new_tokens")
        return {name: getattr(self, name) for name in names}
