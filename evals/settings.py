"""How models are evaluated: section ``evaluation`` of the config. No torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.records import OptionValue, Record

LEAST_OWN = 4096  # default of lmms-eval's vllm model, which takes the larger of this and the task's (v0.7.2)


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
    max_new_tokens: int | None = Field(
        default=32000,
        ge=1,
        description="response tokens, end-of-turn included; null: each task's own, at least 4096, as lmms-eval 0.7.2",
    )
    batch_size: int = Field(default=128, ge=1, description="prompts per generate call; moves no sampled token")
    limit: int | None = Field(default=None, ge=1, description="only the first items of each benchmark; null: all")
    seed: int = Field(default=0, ge=0, description="seed of the sampling noise, mixed with the seed of the cell")
    device: Literal["cpu", "cuda"] = Field(default="cpu", description="where the model runs")
    dtype: Literal["float32", "bfloat16"] = Field(default="float32", description="precision of the model")

    @property
    def least_tokens(self) -> int:
        """A limit below this is raised to it; only limits of tasks can be lower."""
        return LEAST_OWN if self.max_new_tokens is None else 1

    def generation(self) -> dict[str, OptionValue]:
        """What decides how a response is drawn, apart from seeds: the keys lmms-eval's ``gen_kwargs`` uses.

        Without ``max_new_tokens`` where each task has its own.
        """
        names = ("temperature", "top_p", "top_k", "presence_penalty", "max_new_tokens")
        return {name: value for name in names if (value := getattr(self, name)) is not None}
