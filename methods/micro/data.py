"""The training, validation and test problems as parquet files in Geo3k's row schema, plus ``id`` and ``family``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from methods.micro.families.training import TRAINING
from methods.micro.problems import DrawnProblem, Split, draw_problems
from methods.micro.settings import MicroSettings

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
SCHEMA = pa.schema(
    [
        ("images", pa.list_(IMAGE)),
        ("problem", pa.string()),
        ("answer", pa.string()),
        ("id", pa.string()),
        ("family", pa.string()),
    ]
)
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def image_cell(problem: DrawnProblem) -> dict[str, Any]:
    """The diagram as an embedded image, as Hugging Face datasets stores it."""
    return {"bytes": problem.canvas.png(), "path": f"{problem.id}.png"}


def row(problem: DrawnProblem) -> dict[str, Any]:
    """One row of Geo3k's schema."""
    return {
        "images": [image_cell(problem)],
        "problem": f"<image>{problem.question}",
        "answer": problem.answer,
        "id": problem.id,
        "family": problem.family,
    }


def write_table(rows: list[dict[str, Any]], schema: pa.Schema, path: Path) -> None:
    """Writes a parquet file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), part)
    part.replace(path)


def write_splits(settings: MicroSettings, folder: Path) -> None:
    """Writes ``train.parquet``, ``validation.parquet`` and ``test.parquet``; the same settings give the same bytes."""
    for split in SPLITS:
        problems = draw_problems(list(TRAINING.values()), split, getattr(settings, split), settings.seed)
        write_table([row(p) for p in problems], SCHEMA, folder / f"{split}.parquet")
