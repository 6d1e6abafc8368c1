"""Models that are trained from a base before the training of the methods that need them: what decides one, its record.

A folder ``prepared/<kind>/<scale>/<options>/s<seed>`` holds ``prepared.json`` and the tensors in ``model/``. No torch.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from contracts.reading import read_record
from contracts.records import OptionValue, PreparedCost, Record, json_digest

RECORD, MODEL = "prepared.json", "model"  # in the folder of a prepared model


class PreparedPlan(Record):
    """What is to be prepared, and all that decides it."""

    world: str
    kind: str = Field(description="name in methods/shared/prepared.py")
    scale: str
    seed: int = Field(ge=0)
    device: str
    dtype: str = Field(description="of the base model's weights")
    micro_batch: int = Field(description="rollouts in one forward and backward pass")
    grade_deadline: float
    options: dict[str, OptionValue] = Field(description="options of the method that decide it")
    digests: dict[str, str] = Field(description="data, base, code, env: sha256 hex of what decides the outcome")

    @property
    def name(self) -> str:
        """``kind/scale/s<seed>``."""
        return f"{self.kind}/{self.scale}/s{self.seed}"

    @property
    def digest(self) -> str:
        """sha256 hex of the canonical JSON of this plan."""
        return json_digest(self.model_dump(mode="json"))

    @property
    def choice(self) -> str:
        """The beginning of the digest of its options: it names the folder."""
        return json_digest(self.options)[:8]


class PreparedReport(Record):
    """``prepared.json``: what was prepared, of what, where, how long it took and how good it is."""

    plan: PreparedPlan
    digest: str = Field(description="of the plan; cells that use the model have it among their digests")
    problems: int = Field(description="training problems that the base answered")
    rollouts: int = Field(description="responses to them")
    right: float = Field(description="share of these that are right")
    tokens: int = Field(description="response tokens of the rollouts")
    extra_tokens: int = Field(description="response tokens of the continuations that labels were made from")
    examples: dict[str, int] = Field(description="what each network was trained on, by network")
    updates: dict[str, int] = Field(description="optimizer updates, by network")
    quality: dict[str, float] = Field(description="measured on problems that were held out")
    networks: int = Field(description="networks besides the policy")
    git_sha: str | None
    git_dirty: bool | None
    versions: dict[str, str]
    machine: str
    threads: int
    started: str = Field(description="UTC, ISO 8601")
    wall_seconds: float
    seconds: dict[str, float] = Field(description="by phase: load, collect, fit, measure; of all runs that it took")
    peak_memory_mb: float

    @property
    def cost(self) -> PreparedCost:
        """What a method that uses this model has to pay for it."""
        return PreparedCost(
            kind=self.plan.kind,
            digest=self.digest,
            seconds=sum(self.seconds.values()),
            tokens=self.tokens + self.extra_tokens,
            networks=self.networks,
        )


def read_prepared(folder: Path) -> PreparedReport:
    """The record of the prepared model in ``folder``; DataError if it is missing or broken."""
    return read_record(PreparedReport, folder / RECORD)
