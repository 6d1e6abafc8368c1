"""Checks before an evaluation starts: files are complete, the model can load, the environment changes no score."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import threading
from ast import literal_eval
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, UnidentifiedImageError

from contracts.errors import ConfigError, DataError, EvalError, nearest
from evals.benchmarks import BENCHMARKS, Benchmark

_ENVIRONMENT = {  # variable: the values under which lmms-eval scores every sample once, by rule, on this process
    "USE_LLM_JUDGE": ("", "False"),
    "NUM_IMAGE": ("", "1"),
    "WORLD_SIZE": ("", "1"),
    "RANK": ("", "0"),
}
_MODEL_FILES = (  # each line: one of these must be there
    ("config.json",),
    ("*.safetensors",),
    ("tokenizer.json", "vocab.json"),
    ("tokenizer_config.json",),
    ("processor_config.json", "preprocessor_config.json"),
)
_ADAPTER_FILES = (("adapter_config.json",), ("adapter_model.safetensors",))
_REBUILD = "build the benchmark again or give another file"


def check_environment() -> None:
    """Raise EvalError if a variable of the environment would change scores, or if this is not the main thread.

    Such variables bring in a model as judge, a choice of images, or several processes.
    """
    for name, allowed in _ENVIRONMENT.items():
        value = os.environ.get(name, "")
        if value not in allowed:
            raise EvalError(f"environment variable {name}", f"'{value}' changes how lmms-eval scores", f"unset {name}")
    if threading.current_thread() is not threading.main_thread():
        # math_verify limits its time with a signal; elsewhere that raises, and lmms-eval counts the answer as wrong.
        raise EvalError("evaluation", "must run in the main thread of its process")


def check_model(base: Path, adapter: Path | None) -> None:
    """Raise DataError unless ``base`` is a Hugging Face folder with safetensors, and ``adapter`` one too or PEFT's."""
    _check_folder(base, "model folder", _MODEL_FILES)
    if adapter is not None:
        _check_folder(adapter, "adapter folder", _MODEL_FILES if holds_model(adapter) else _ADAPTER_FILES)


def check_weights(base: Path, adapter: Path | None) -> None:
    """Raise DataError if a tensor of the model or of the adapter holds NaN or an infinity. Imports torch."""
    from methods.shared.finite import check_finite

    check_finite(base, "the model")
    if adapter is not None:
        check_finite(adapter, "the trained weights")


def holds_model(adapter: Path) -> bool:
    """Whether a cell was trained with full fine-tuning (``lora_rank: 0``), so that its folder is a complete model."""
    return (adapter / "config.json").exists() and not (adapter / "adapter_config.json").exists()


def _check_folder(folder: Path, what: str, files: tuple[tuple[str, ...], ...]) -> None:
    if not folder.is_dir():
        raise DataError(str(folder), f"{what} is missing", "build it first or give another path")
    for patterns in files:
        if not any(next(folder.glob(pattern), None) for pattern in patterns):
            raise DataError(
                str(folder),
                f"{' or '.join(patterns)} is missing from the {what}",
                "build it again",
                delete_and_rerun=True,
            )


def read_benchmark(name: str, path: Path, limit: int | None) -> list[dict[str, Any]]:
    """Read and check the first ``limit`` rows (None: all) of a benchmark's parquet file.

    Images are replaced by the sha256 hex of their bytes. Raises ConfigError on an unknown benchmark, DataError on a
    file that is missing, unreadable, empty, short of a column, or holds a row that its task cannot render or score.
    """
    if name not in BENCHMARKS:
        known = ", ".join(BENCHMARKS)
        raise ConfigError("benchmarks", f"'{name}' is not one of {known}", nearest(name, list(BENCHMARKS)))
    bench = BENCHMARKS[name]
    table = _read_table(bench, path)
    for column, kind in bench.columns.items():
        _check_column(table.schema, column, kind, path)
    rows = table.select(list(bench.columns)).slice(0, limit).to_pylist()
    for number, row in enumerate(rows):
        _check_row(bench, row, f"{path}: row {number}")
    keys = [row_id(bench, row) for row in rows]
    if twice := {key for key in keys if keys.count(key) > 1} if len(set(keys)) < len(keys) else set():
        raise DataError(str(path), f"rows share the id {min(twice)}", _REBUILD)
    return rows


def row_id(bench: Benchmark, row: Mapping[str, Any]) -> str:
    """Identifier of a row, unique within the benchmark: its key columns joined by a slash."""
    return "/".join(str(row[column]) for column in bench.key)


def _read_table(bench: Benchmark, path: Path) -> pa.Table:
    if not path.is_file():
        raise DataError(
            str(path), f"the file of benchmark {bench.name} is missing", "build it first or give another path"
        )
    try:
        names = pq.read_schema(path).names
        missing = [column for column in bench.columns if column not in names]
        if missing:
            raise DataError(str(path), f"{bench.name} needs the columns {', '.join(missing)}", _REBUILD)
        table = pq.read_table(path, columns=list(bench.columns))
    except (pa.ArrowException, OSError) as error:
        raise DataError(str(path), f"not a readable parquet file ({error})", _REBUILD) from error
    if table.num_rows == 0:
        raise DataError(str(path), "the benchmark has no rows", _REBUILD)
    return table


def _check_column(schema: pa.Schema, column: str, kind: str, path: Path) -> None:
    """Raise DataError unless a column has the right type.

    For images the file must also hold the features of ``datasets``, or the task would get a dict instead of an image.
    """
    arrow_type = schema.field(column).type
    fits = {
        "text": pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type),
        "texts": pa.types.is_list(arrow_type) and pa.types.is_string(arrow_type.value_type),
        "number": pa.types.is_integer(arrow_type),
        "image": pa.types.is_struct(arrow_type) and {field.name for field in arrow_type} == {"bytes", "path"},
    }[kind]
    if not fits:
        raise DataError(str(path), f"column {column} is {arrow_type}, not {kind}", _REBUILD)
    if kind == "image":
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        if features.get(column, {}).get("_type") != "Image":
            raise DataError(str(path), f"column {column} is not marked as Image for datasets", _REBUILD)


def _check_row(bench: Benchmark, row: dict[str, Any], place: str) -> None:
    for column, kind in bench.columns.items():
        if row[column] is None and column not in bench.nullable:
            raise DataError(place, f"{column} is empty", _REBUILD)
        if kind == "image" and row[column] is not None:
            row[column] = _image_digest(row[column]["bytes"], f"{place}: {column}")
    if not row[bench.gold].strip():
        raise DataError(place, f"{bench.gold} is blank", _REBUILD)
    for cause in _unscorable(bench.name, row):
        raise DataError(place, cause, _REBUILD)


def _image_digest(content: bytes | None, place: str) -> str:
    try:
        with Image.open(io.BytesIO(content or b"")) as image:
            image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise DataError(place, "not a readable image", _REBUILD) from error
    return hashlib.sha256(content or b"").hexdigest()


def _unscorable(name: str, row: dict[str, Any]) -> Iterator[str]:
    """Reasons why lmms-eval could not render or score the row. It would retry for 8 s and then lose all results."""
    if name == "mathvision" and row["options"]:
        letters = [chr(ord("A") + i) for i in range(len(row["options"]))]
        if row["answer"] not in letters:
            yield f"answer '{row['answer']}' is none of the options {', '.join(letters)}"
    if name == "wemath" and not re.search(rf"\b{re.escape(row['answer'])}\s*[.:)]", row["option"]):
        yield f"answer '{row['answer']}' is none of the options in '{row['option']}'"
    if name == "mmmu":
        yield from _unscorable_mmmu(row)


def _unscorable_mmmu(row: dict[str, Any]) -> Iterator[str]:
    try:
        options = literal_eval(row["options"])
    except (ValueError, SyntaxError):
        options = None
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        yield f"options '{row['options']}' is not a list of strings"
        return
    if row["question_type"] not in ("multiple-choice", "open"):
        yield f"question_type '{row['question_type']}' is neither multiple-choice nor open"
    if row["question_type"] == "multiple-choice":
        letters = [chr(ord("A") + i) for i in range(len(options))]
        if row["answer"] not in letters:
            named = f"none of the options {', '.join(letters)}" if options else "given no options to choose from"
            yield f"answer '{row['answer']}' is {named}"
    if not re.fullmatch(r"[^_]+_.+_\d+", row["id"]):
        yield f"id '{row['id']}' does not read validation_Subject_number"
    shown = row["question"] + "".join(options if row["question_type"] == "multiple-choice" else [])
    for i in re.findall(r"<image (\d+)>", shown):
        if row.get(f"image_{i}") is None:
            yield f"<image {i}> is named but image_{i} is empty"
