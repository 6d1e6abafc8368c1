"""``rollouts.parquet`` of a cell: its columns, and the model of a row. No torch."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from workflows.lib.errors import DataError
from workflows.lib.records import Record

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
    ]
)


class Rollout(Record):
    """One row: one response, and what each of its tokens got. Lists are as long as ``tokens``."""

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


def read_rollouts(path: Path) -> list[Rollout]:
    """The rows of ``rollouts.parquet``; DataError if it is missing, unreadable or not of ``SCHEMA``."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(str(path), f"not a readable parquet file ({error})", "train the cell again") from None
    if not table.schema.remove_metadata().equals(SCHEMA):
        raise DataError(str(path), "columns are not those of kept rollouts", "train the cell again")
    return [Rollout.model_construct(**row) for row in table.to_pylist()]  # the schema is the check; rows are many
