"""Problems from a parquet file in Geo3k's schema, and the order in which a cell trains on them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, UnidentifiedImageError

from contracts.errors import DataError
from methods.engines.shared.pixels import UNLIMITED, Limits, limited, limited_size
from methods.shared import seeding
from methods.shared.contexts import IMAGE_MARK


def _is_images(kind: pa.DataType) -> bool:
    listed = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return listed and pa.types.is_struct(kind.value_type) and kind.value_type.get_field_index("bytes") >= 0


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


COLUMNS = {"images": _is_images, "problem": _is_text, "answer": _is_text}


@dataclass(frozen=True)
class Problem:
    """One problem: its text with ``<image>`` at the place of each image, the right answer, and the encoded images."""

    place: str  # file and row, for errors
    id: str  # its row where the data has no ids
    text: str
    answer: str
    images: tuple[bytes, ...]
    limits: Limits = UNLIMITED  # of the pixels of an image

    def open_images(self) -> list[Image.Image]:
        """RGB images within the limits; DataError if one cannot be decoded."""
        try:
            return [limited(Image.open(io.BytesIO(data)), self.limits).convert("RGB") for data in self.images]
        except (UnidentifiedImageError, OSError) as error:
            raise DataError(
                self.place, f"an image cannot be decoded ({error})", "make the data again", delete_and_rerun=True
            ) from error

    def image_sizes(self) -> list[tuple[int, int]]:
        """(height, width) in pixels within the limits, from the image headers."""
        try:
            sizes = [limited_size(*Image.open(io.BytesIO(data)).size, self.limits) for data in self.images]
            return [(height, width) for width, height in sizes]
        except UnidentifiedImageError as error:
            raise DataError(self.place, "an image cannot be decoded", "store PNG or JPEG bytes") from error


def load_problems(path: Path, limits: Limits = UNLIMITED) -> list[Problem]:
    """Read all problems of a parquet file, their images within ``limits`` of pixels.

    DataError names the file, the row and what is wrong with it.
    """
    try:
        names = pq.read_schema(path).names
        table = pq.read_table(path, columns=[name for name in (*COLUMNS, "id") if name in names])
    except FileNotFoundError as error:
        raise DataError(str(path), "no such file", "make the data first") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            str(path),
            f"not a readable parquet file: {error}",
            "delete it and make the data again",
            delete_and_rerun=True,
        ) from error
    for column, fits in COLUMNS.items():
        if column not in names:
            raise DataError(
                str(path),
                f"no column {column}; it has {', '.join(names)}",
                "make the data again",
                delete_and_rerun=True,
            )
        if not fits(kind := table.schema.field(column).type):
            raise DataError(
                str(path), f"column {column} cannot be {kind}", "make the data again", delete_and_rerun=True
            )
    if not table.num_rows:
        raise DataError(str(path), "no rows", "make the data again", delete_and_rerun=True)
    return [_problem(path, i, row, limits) for i, row in enumerate(table.to_pylist())]


def _problem(path: Path, index: int, row: dict, limits: Limits) -> Problem:
    images = tuple(image["bytes"] or b"" for image in row["images"] or ())
    place, id = f"{path}, row {index}", str(index if row.get("id") is None else row["id"])
    problem = Problem(place, id, row["problem"] or "", row["answer"] or "", images, limits)
    if not problem.answer.strip():
        raise DataError(problem.place, "empty answer", "every problem needs a ground truth")
    if problem.text.count(IMAGE_MARK) != len(images):
        cause = f"{problem.text.count(IMAGE_MARK)} {IMAGE_MARK} marks but {len(images)} images"
        raise DataError(problem.place, cause, "they must match one to one")
    return problem


def step_rows(seed: int, step: int, prompts: int, total: int) -> list[int]:
    """Rows of 0-based rollout ``step``. Each epoch is a seeded permutation; its incomplete last step is left out."""
    if prompts > total:
        cause = f"{prompts} problems a step, but only {total} in the training data"
        raise DataError("options.prompts", cause, f"take {total} or fewer")
    per_epoch = total // prompts
    epoch, position = divmod(step, per_epoch)
    order = np.random.default_rng(seeding.stream(seed, "data", epoch)).permutation(total)
    return order[position * prompts : (position + 1) * prompts].tolist()
