"""Benchmarks in the upstream schemas with questions of our own, for the tests of the evaluation."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from evals.benchmarks import BENCHMARKS

ARROW = {
    "text": pa.string(),
    "texts": pa.list_(pa.string()),
    "number": pa.int64(),
    "image": pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
}
FEATURES = {
    "text": {"dtype": "string", "_type": "Value"},
    "texts": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"},
    "number": {"dtype": "int64", "_type": "Value"},
    "image": {"_type": "Image"},
}


def picture(number: int) -> dict:
    """A 64 x 64 square with ``number`` written in it, as ``datasets`` stores an image."""
    image = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(image).text((8, 24), str(number), fill="black")
    content = io.BytesIO()
    image.save(content, format="PNG")
    return {"bytes": content.getvalue(), "path": f"{number}.png"}


def dynamath_row(i: int) -> dict:
    gold = str(i) if i % 2 else "A"
    return {
        "question": f"What is the number {i % 7} plus the one shown?",
        "decoded_image": picture(i),
        "ground_truth": gold,
        "id": str(i // 5),
        "question_id": i,
    }


def logicvista_row(i: int) -> dict:
    question = f"Which figure follows number {i}? Select from A, B and C. (A) 1 (B) 2 (C) 3"
    return {"id": f"v1_{i}", "question": question, "image": picture(i), "answer": "ABC"[i % 3]}


def wemath_row(i: int) -> dict:
    key = ("2steps_1", "2steps_2", "2steps_multi")[i % 3]
    return {
        "ID": f"2steps_{i // 3}",
        "key": key,
        "split": "testmini",
        "question": f"What is the area of square {i}?",
        "option": f"A. {i}; B. {i + 1}; C. {i + 2}; D. No correct answer",
        "image_path": picture(i),
        "answer": "ABCD"[i % 4],
        "question number": i,
        "knowledge concept": "Area",
        "knowledge concept description": "Area:\n1. side times side.",
    }


def mathvision_row(i: int) -> dict:
    options = [str(i), str(i + 1), str(i + 2)] if i % 2 else []
    return {
        "id": str(i),
        "question": f"Find the angle {i}.\n<image1>",
        "options": options,
        "decoded_image": picture(i),
        "answer": "ABC"[i % 3] if options else str(10 + i),
    }


def mmmu_row(i: int) -> dict:
    closed = i % 3 != 0
    row = {
        "id": f"validation_Math_{i}",
        "question": f"<image 1> How many degrees has angle {i}?",
        "options": str([str(i), str(i + 10), str(i + 20)]) if closed else "[]",
        "question_type": "multiple-choice" if closed else "open",
        "answer": "ABC"[i % 3] if closed else str(i + 40),
    }
    return row | {f"image_{k}": picture(i) if k == 1 else None for k in range(1, 8)}


ROWS = {
    "dynamath": dynamath_row,
    "logicvista": logicvista_row,
    "mathvision": mathvision_row,
    "mmmu": mmmu_row,
    "wemath": wemath_row,
}


def write_benchmark(name: str, rows: list[dict], path: Path, marked: bool = True) -> Path:
    """Rows as parquet with the columns of the benchmark; ``marked``: with the features that ``datasets`` reads."""
    columns = {column: kind for column, kind in BENCHMARKS[name].columns.items() if column in rows[0]}
    features = {column: FEATURES[kind] for column, kind in columns.items()}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})} if marked else None
    schema = pa.schema([(column, ARROW[kind]) for column, kind in columns.items()], metadata=metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def write_benchmarks(folder: Path, count: int) -> dict[str, Path]:
    """``count`` rows of each benchmark."""
    return {
        name: write_benchmark(name, [make(i) for i in range(count)], folder / f"{name}.parquet")
        for name, make in ROWS.items()
    }
