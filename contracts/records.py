"""The files that jobs exchange, as pydantic models: cell.json, train.jsonl, run.json, scores.json. No torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

OptionValue = float | int | bool | str


class Record(BaseModel):
    """Base class of all records. It is strict: an unknown key, a wrong type, NaN and infinity are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def lines_of(records: Sequence[Record]) -> str:
    """One line of JSON for each record, without what is absent."""
    return "".join(record.model_dump_json(exclude_none=True) + "\n" for record in records)


def json_digest(value: object) -> str:
    """sha256 hex of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Cell(Record):
    """Everything that decides the outcome of one training run: options after all overrides, seed and digests."""

    world: Literal["micro", "paper"]
    engine: Literal["local", "easyr1"]
    device: Literal["cpu", "cuda"] = "cpu"
    method: str = Field(description="file name in methods/ without .py; 'base' is the untrained model")
    scale: str
    variant: str = "default"
    seed: int = Field(ge=0)
    model_name: str = Field(description="name printed in tables, e.g. Qwen3-VL-2B")
    options: dict[str, OptionValue] = Field(description="every option of the method after defaults and overrides")
    digests: dict[str, str] = Field(description="data, base, code, env: sha256 hex of what decides the outcome")
    control: bool = Field(default=False, description="the method is a control beside the methods, not one of them")

    @property
    def digest(self) -> str:
        """sha256 hex of the canonical JSON of what decides this cell: all but ``control``."""
        return json_digest(self.model_dump(mode="json", exclude={"control"}))

    @property
    def name(self) -> str:
        """``method/scale/variant/s<seed>``, as in the results folder."""
        return f"{self.method}/{self.scale}/{self.variant}/s{self.seed}"


class Evidence(Record):
    """Mean and standard deviation of the evidence (nats per token) in rollouts with advantage A > 0 and with A < 0."""

    mean_positive: float | None = None
    std_positive: float | None = None
    mean_negative: float | None = None
    std_negative: float | None = None
    share_positive: float | None = Field(None, description="share of response tokens with evidence > 0")
    share_negative: float | None = None
    weight_clip_rate: float | None = Field(None, description="share of response tokens whose weight hits a clip bound")


class RolloutGap(Record):
    """How far log-probs of the engine that sampled a step's rollouts are from the policy's, both at temperature 1."""

    mean: float = Field(description="mean absolute difference, nats per sampled token")
    max: float = Field(description="largest absolute difference of a token, nats")
    kl: float = Field(description="estimate of KL(sampler || policy), nats per token")


class TrainingStep(Record):
    """One line of ``train.jsonl``: one rollout step. A value that could not be computed is absent (None), never 0."""

    step: int = Field(ge=1, description="1-based rollout step")
    reward_mean: float
    accuracy: float
    format_rate: float = Field(description="share of rollouts with a boxed answer")
    all_right: float = Field(description="share of groups")
    mixed: float
    all_wrong: float
    response_length: float = Field(description="mean tokens, end-of-turn included")
    truncated: float = Field(description="share of rollouts cut at max_response")
    grade_timeouts: int = 0
    other_grader: int | None = Field(None, description="rewards that the other grader would change (option grader)")
    reference_missing: dict[str, float] = Field({}, description="per teacher: share of rollouts without a reference")
    loss: float = Field(description="mean over the updates of this step")
    grad_norm: float
    lr: float
    clip_low: float | None = Field(None, description="share of tokens clipped below; credit methods only")
    clip_high: float | None = None
    dual_clip: float | None = None
    lam: float | None = Field(None, description="share of token-level credit at this step")
    evidence: Evidence | None = None
    entropy: float = Field(description="mean nats per response token at rollout")
    delta_w: float = Field(description="Frobenius norm of the LoRA update summed over layers, sqrt of sum of squares")
    rollout_gap: RolloutGap | None = Field(None, description="where vLLM sampled the rollouts")
    seconds: dict[str, float] = Field(description="by phase: rollout, verify, score, teacher, update, keep")
    tokens: int = Field(description="response tokens of the rollouts that this step trains on")
    extra_tokens: int | None = Field(
        None,
        description="response tokens sampled besides, as for groups drawn again or continuations of prefixes; below 0 "
        "where rollouts share beginnings, which were sampled once",
    )
    teacher_tokens: int | None = Field(None, description="response tokens that teachers have read at this step")
    privileged: int | None = Field(
        None, description="privileged rollouts that were right, for methods that learn from them"
    )
    val_accuracy: float | None = Field(None, description="accuracy on validation problems after this step, sampled")


class PreparedCost(Record):
    """What was spent on a model that was trained from the base before a cell; cells that share it each name all."""

    kind: str = Field(description="what was prepared, such as step_scorer")
    digest: str = Field(description="of all that decides it")
    seconds: float
    tokens: int = Field(description="response tokens sampled for it")
    networks: int = Field(description="networks besides the policy")


class Run(Record):
    """``run.json``: where, with what and how long a cell was trained."""

    cell: str
    cell_digest: str
    git_sha: str | None
    git_dirty: bool | None
    versions: dict[str, str]
    device: str
    machine: str
    threads: int
    seeds: dict[str, int] = Field(description="named substreams of the cell's seed, methods/shared/seeding.py")
    started: str = Field(description="UTC, ISO 8601")
    wall_seconds: float
    seconds: dict[str, float] = Field(description="by phase, summed over steps, plus load, validate, save")
    peak_memory_mb: float
    resumed_at: list[int] = Field(default_factory=list, description="steps at which the run was resumed")
    val_accuracy_start: float | None = None
    adapter_step: int | None = Field(None, description="rollout step after which the saved adapter was taken")
    val_problems: int | None = Field(None, description="validation problems, answered once each per validation")
    prepared: PreparedCost | None = Field(
        None, description="the model that was prepared for this cell, if it needs one"
    )


class BenchScore(Record):
    """One benchmark of one cell."""

    accuracy: float = Field(description="0-1, as lmms-eval's own metric gives it, rescaled")
    n: int
    low: float = Field(description="95 % interval over questions")
    high: float
    unparsed_rate: float
    truncated_rate: float
    metric: str = Field(description="lmms-eval's name of the accuracy")
    other: dict[str, float] = Field(default_factory=dict, description="lmms-eval's further metrics")


class Scores(Record):
    """``eval/scores.json``."""

    cell: str
    cell_digest: str
    generation: dict[str, OptionValue] = Field(description="sampling settings that reached generate()")
    benchmarks: dict[str, BenchScore]
    average: float = Field(description="unweighted mean over the benchmarks")
    average_low: float
    average_high: float
    seconds: float
    update_kept: float | None = Field(
        None, description="share of the adapter's update that is left in weights rounded to bfloat16; evals/merging.py"
    )
