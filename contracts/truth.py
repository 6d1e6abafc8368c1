"""The files of measured token advantages: what they were measured on, the rollouts, and the numbers that follow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from contracts.files import write_text
from contracts.gradients import ArmName, PolicyPlan
from contracts.reading import read_lines, read_record
from contracts.records import Record, lines_of

FOLDER = "truth"  # of a results folder
REPORT, ROLLOUTS = "truth.json", "rollouts.jsonl"  # of one measurement
ESTIMATES, MEASUREMENTS, SHOWN = "estimates.jsonl", "measurements.jsonl", "shown.jsonl"  # of all of them
TRUTH, LABELS = "truth", "labels"  # rows that are no arms: the measured advantage itself, and the labels of tokens


class TruthPlan(PolicyPlan):
    """Of which tokens the advantages are to be measured."""

    continuations: int = Field(description="of each prefix; an even number, for two values that are independent")


class ArmFacts(Record):
    """What an arm's hooks were found to do, on the measured rollouts."""

    name: ArmName
    privileged: bool = Field(description="it is shown what the policy is not: by a teacher, or as labels of tokens")
    leak: float | None = Field(
        None,
        description="largest relative change of its gradient where teachers move among tokens that were not sampled",
    )
    values: float | None = Field(
        None, description="share of neighbouring tokens with different credit; 0: a rollout has one value"
    )
    networks: int = Field(description="sets of weights that it keeps besides the policy's own")


class TruthReport(Record):
    """``truth.json``: whose credit was compared with measured advantages, and on what."""

    world: str
    scale: str
    model_name: str
    state: str
    seed: int
    device: str
    digest: str = Field(description="of all that decides the numbers")
    prompts: int
    group_size: int
    continuations: int
    accuracy: float = Field(description="of all rollouts")
    rollouts: int = Field(description="whose tokens were measured: a right and a wrong one of each mixed group")
    tokens: int = Field(description="measured tokens")
    sampled: int = Field(description="response tokens sampled for the values")
    seconds: float
    arms: list[ArmFacts]


class TruthRollout(Record):
    """A rollout whose tokens were measured. All lists are as long as ``tokens``."""

    scale: str
    state: str
    seed: int
    problem: str
    correct: bool
    tokens: list[str] = Field(description="model output, so not to be trusted")
    first: list[float] = Field(description="advantage of each token, V after it less V before, by half of the samples")
    second: list[float] = Field(description="the same by the other half")
    error: list[float] = Field(description="standard error of their mean")
    entropy: list[float] = Field(description="nats, of the policy")
    decisive: list[bool] | None = Field(None, description="None: the chain could not be read")
    slipped: list[bool] | None = None
    credit: dict[str, list[float]] = Field(description="by arm; of one that matches distributions what it amounts to")


class TruthLine(Record):
    """One line of ``truth/estimates.jsonl``: how well one arm's credit agrees with the measured advantages."""

    scale: str
    state: str
    seed: int
    method: str = Field(description="<method> or <method>/<variant>; labels: of tokens; truth: the measurement itself")
    quantity: str = Field(
        description="rank_correlation, correlation and explained (share of variance), of tokens within a rollout, "
        "corrected for the truth's noise; reliability, of the truth: its variance without noise over that with it"
    )
    value: float
    low: float | None = Field(default=None, description="95 % interval over problems; absent: not known")
    high: float | None = None
    n: int = Field(description="problems")


def write_truth(folder: Path, report: TruthReport, rollouts: Sequence[TruthRollout]) -> None:
    """Write both files of a measurement to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / ROLLOUTS, lines_of(rollouts))
    write_text(folder / REPORT, report.model_dump_json(indent=1))


def read_truth(folder: Path) -> tuple[TruthReport, list[TruthRollout]]:
    """Read what :func:`write_truth` wrote. Raises DataError, which names the file, if it is missing or broken."""
    return read_record(TruthReport, folder / REPORT), read_lines(TruthRollout, folder / ROLLOUTS)
