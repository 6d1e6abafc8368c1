"""``samples.parquet``: one row for each question, with all that statistics need later."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.errors import DataError, EvalError
from contracts.files import replacing
from contracts.records import OptionValue
from evals.benchmarks import BENCHMARKS, Benchmark
from evals.inputs import row_id
from evals.parsing import correct, prediction

SCHEMA = pa.schema(
    [
        pa.field("benchmark", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("cluster", pa.string(), nullable=False),  # the same for all questions made from one seed problem
        pa.field("question_hash", pa.string(), nullable=False),  # sha256 of what was asked and how it was sampled
        pa.field("answer", pa.string(), nullable=False),
        pa.field("prediction", pa.string()),  # null: the scorer read no answer in the response
        pa.field("response", pa.string(), nullable=False),
        pa.field("correct", pa.float64(), nullable=False),  # 0 or 1
        pa.field("parsed", pa.bool_(), nullable=False),
        pa.field("truncated", pa.bool_(), nullable=False),
        pa.field("tokens", pa.int64(), nullable=False),
        pa.field(
            "careful", pa.float64()
        ),  # 0 or 1 by the second reading (evals/careful.py); null: it came to no verdict
    ]
)


def check_complete(bench: Benchmark, samples: list[dict[str, Any]], rows: list[dict[str, Any]], retry: str) -> None:
    """Raise EvalError, naming the ids, unless ``samples`` holds each of ``rows`` exactly once."""
    scored = [sample["doc_id"] for sample in samples]
    missing = [row_id(bench, rows[i]) for i in sorted(set(range(len(rows))) - set(scored))]
    if missing:
        shown = ", ".join(missing[:10]) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
        raise EvalError(
            bench.name, f"{len(rows) - len(missing)} of {len(rows)} samples scored; missing ids: {shown}", retry
        )
    if len(scored) != len(rows):
        raise EvalError(bench.name, f"{len(scored)} samples for {len(rows)} questions", retry)


def question_hash(bench: Benchmark, row: dict[str, Any], prompt: str, settings: dict[str, OptionValue]) -> str:
    """sha256 hex of the row as the task reads it (images as digests), the prompt and the generation settings.

    Seeds are left out, so that a question has the same hash for all methods and seeds. (lmms-eval's ``doc_hash`` cannot
    be used: it is constant.)
    """
    asked = {"task": bench.task, "row": row, "prompt": prompt, "settings": settings}
    return hashlib.sha256(json.dumps(asked, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def sample_row(bench: Benchmark, sample: dict[str, Any], row: dict[str, Any], answer: Any) -> dict[str, Any]:  # noqa: ANN401
    """Make a row of ``SCHEMA`` from lmms-eval's record, the benchmark's row and the model's :class:`Answer`."""
    gold = str(row[bench.gold])
    predicted = prediction(bench.name, sample["filtered_resps"][0].strip(), sample["reading"])
    return {
        "benchmark": bench.name,
        "id": row_id(bench, row),
        "cluster": str(row[bench.cluster]) if bench.cluster else row_id(bench, row),
        "question_hash": question_hash(bench, row, answer.prompt, answer.settings),
        "answer": gold,
        "prediction": predicted,
        "response": sample["resps"][0],
        "correct": correct(bench.name, sample),
        "parsed": predicted is not None,
        "truncated": answer.truncated,
        "tokens": answer.tokens,
        "careful": None if sample["careful"] is None else float(sample["careful"]),
    }


def write_samples(rows: list[dict[str, Any]], path: Path) -> None:
    """Check the rows and write them as parquet; the file appears complete or not at all."""
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    check_samples(table, str(path))
    with replacing(path) as temporary:
        pq.write_table(table, temporary)


def read_samples(path: Path) -> pa.Table:
    """Read and check ``samples.parquet``. Raises DataError if it is missing, unreadable or not of ``SCHEMA``."""
    if not path.is_file():
        raise DataError(
            str(path), "the samples of the evaluation are missing", "evaluate the cell again", delete_and_rerun=True
        )
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            str(path), f"not a readable parquet file ({error})", "evaluate the cell again", delete_and_rerun=True
        ) from error
    if not table.schema.remove_metadata().equals(SCHEMA):
        raise DataError(
            str(path), "columns are not those of an evaluation", "evaluate the cell again", delete_and_rerun=True
        )
    check_samples(table, str(path))
    return table


def check_samples(table: pa.Table, place: str) -> None:
    """Raise DataError on an empty table, a null, an unknown benchmark, a repeated question, a score not 0 or 1."""
    frame = table.to_pandas()
    problems = {
        "no samples": frame.empty,
        "an empty value": bool(frame.drop(columns=["prediction", "careful"]).isna().to_numpy().any()),
        "an unknown benchmark": not set(frame["benchmark"]) <= set(BENCHMARKS),
        "a question twice": bool(frame.duplicated(["benchmark", "id"]).any()),
        "a score other than 0 and 1": not {*frame["correct"], *frame["careful"].dropna()} <= {0.0, 1.0},
        "parsed without a prediction": bool((frame["parsed"] != frame["prediction"].notna()).any()),
    }
    for problem, present in problems.items():
        if present:
            raise DataError(place, f"holds {problem}", "evaluate the cell again", delete_and_rerun=True)
