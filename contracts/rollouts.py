"""``rollouts.parquet`` of a cell: its columns, and the model of a row. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from contracts.errors import DataError
from contracts.files import replacing
from contracts.records import Record

# A function that reads the chain of a response. It is given the problem's id, the text of each token and whether the
# response was cut; it returns two flags for each token, decisive and slipped, or None if it cannot read the response.
Label = Callable[[str, Sequence[str], bool], tuple[list[bool], list[bool]] | None]

SCHEMA = pa.schema(
    [
        pa.field("step", pa.int32(), nullable=False),
        pa.field("problem", pa.string(), nullable=False),
        pa.field("member", pa.int32(), nullable=False),
        pa.field("correct", pa.bool_(), nullable=False),
        pa.field("advantage", pa.float32(), nullable=False),
        pa.field("truncated", pa.bool_(), nullable=False),
        pa.field("tokens", pa.list_(pa.string()), nullable=False),
        pa.field("credit", pa.list_(pa.float32())),
        pa.field("divergence", pa.list_(pa.float32())),
        pa.field("evidence", pa.list_(pa.float32())),
        pa.field("entropy", pa.list_(pa.float32())),
    ]
)


class Rollout(Record):
    """One row: a response and the credit (or loss) of each of its tokens. All lists are as long as ``tokens``."""

    step: int = Field(ge=1, description="1-based rollout step")
    problem: str = Field(description="id of the problem; its row in the data where it has none")
    member: int = Field(ge=0, description="place in its group")
    correct: bool
    advantage: float = Field(description="group-normalised reward; 0 means that credit methods do not train on it")
    truncated: bool = Field(description="cut at max_response; all others end with an end-of-turn token")
    tokens: list[str] = Field(description="text of each response token; model output, so not to be trusted")
    credit: list[float] | None = Field(description="advantage of each token; None for distribution matching")
    divergence: list[float] | None = Field(description="loss of each token in nats; None for credit methods")
    evidence: list[float] | None = Field(description="nats; None where no teacher was asked")
    entropy: list[float] | None = Field(None, description="nats, of the policy that sampled; None: not known")


def keep_none(path: Path) -> None:
    """Write a file without rows if the engine kept no rollouts, so that the file exists for every cell."""
    if not path.exists():
        write_rollouts(SCHEMA.empty_table(), path)


def write_rollouts(table: pa.Table, path: Path) -> None:
    """Write a table of ``SCHEMA``, completely or not at all."""
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_rollouts(path: Path) -> list[Rollout]:
    """Read ``rollouts.parquet``. Raises DataError if it is missing, unreadable or has other columns than ``SCHEMA``."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            str(path), f"not a readable parquet file ({error})", "train the cell again", delete_and_rerun=True
        ) from None
    if not table.schema.remove_metadata().equals(SCHEMA):
        raise DataError(
            str(path), "columns are not those of kept rollouts", "train the cell again", delete_and_rerun=True
        )
    # The schema has been checked. Checking each of the many rows again would take long.
    return [Rollout.model_construct(**row) for row in table.to_pylist()]


class ScoredRollout(Record):
    """A rollout that heat maps show. All lists are as long as ``tokens``."""

    problem: str
    correct: bool
    tokens: list[str] = Field(description="model output, so not to be trusted")
    weights: list[float] = Field(description="credit over advantage")
    decisive: list[bool] = Field(description="all false where the chain was not read")
    slipped: list[bool]
    uncertain: list[bool] = Field(default=[], description="the policy was unsure of the token; empty: not known")


class CreditLine(Record):
    """One line of ``credit.jsonl``: how well the credit of one step finds the tokens that decide an answer.

    Only rollouts that were trained on are counted. The weight of a token is its credit divided by the advantage of its
    rollout; a rollout with credit and an advantage of 0 has no weights, and only ``rollouts`` counts it. Shares are
    taken over the tokens, or over all credit, of those rollouts whose chain could be read. A value that cannot be
    computed is absent.
    """

    step: int = Field(ge=1, description="1-based rollout step")
    measure: Literal["credit", "divergence"] = Field(
        description="divergence: distributions are matched, so a token has a loss (nats) in the place of a weight"
    )
    rollouts: int = Field(description="rollouts that were trained on")
    read: float | None = Field(
        default=None, description="share of them whose chain could be read; absent without a parser"
    )
    evidence_positive: float | None = Field(
        default=None, description="share of their tokens with evidence above 0.01 nats"
    )
    evidence_zero: float | None = Field(
        default=None, description="within 0.01 nats of 0: moves a weight by less than 1 %"
    )
    evidence_negative: float | None = None
    tokens: int | None = None
    decisive: float | None = Field(default=None, description="share of tokens that carry the problem's content")
    slipped: float | None = Field(default=None, description="share of tokens that are wrong by themselves")
    filler: float | None = Field(default=None, description="share of tokens that are neither")
    auroc: float | None = Field(
        default=None,
        description="of |weight - 1| for decisive tokens; absent where all weights are equal: nothing is ranked",
    )
    average_precision: float | None = Field(
        default=None, description="of the same ranking; chance is the share decisive"
    )
    slip_auroc: float | None = Field(
        default=None, description="of the weight for slipped tokens among those of rollouts with a negative advantage"
    )
    uncertain: float | None = Field(
        default=None, description="share of tokens at which the policy's entropy was above 0.2 nats; absent: not kept"
    )
    auroc_uncertain: float | None = Field(default=None, description="auroc among uncertain tokens alone")
    slip_auroc_uncertain: float | None = Field(default=None, description="slip_auroc among uncertain tokens alone")
    entropy_auroc: float | None = Field(default=None, description="of the entropy itself for decisive tokens")
    entropy_auroc_uncertain: float | None = Field(default=None, description="the same among uncertain tokens alone")
    entropy_slip_auroc: float | None = Field(
        default=None, description="of the entropy for slipped tokens among those of rollouts with a negative advantage"
    )
    entropy_slip_auroc_uncertain: float | None = Field(
        default=None, description="the same among uncertain tokens alone"
    )
    decisive_credit: float | None = Field(
        default=None, description="share of all credit, without signs, on decisive tokens"
    )
    slip_credit: float | None = Field(default=None, description="share of all credit on slipped tokens")
    filler_credit: float | None = Field(default=None, description="share of all credit on filler")
    sample: list[ScoredRollout] = Field(
        default=[], description="of the first step: right and wrong rollouts to the first problems that have both"
    )
