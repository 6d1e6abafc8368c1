"""The micro world's problems: drawn, split and stored as promised."""

from __future__ import annotations

import io
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from methods.engines.shared.problems import load_problems
from methods.micro.canvas import CELLS, GLYPHS, PATCH, Canvas
from methods.micro.data import SPLITS, write_splits
from methods.micro.families.training import TRAINING
from methods.micro.problems import SHARES, draw_problems, find_problem, split_of
from methods.micro.settings import MicroSettings

SETTINGS = MicroSettings(train=200, validation=60, test=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_splits(SETTINGS, folder)
    return folder


def test_at_least_eight_families():
    assert len(TRAINING) >= 8


def test_splits_share_no_numbers_of_a_family(folder: Path):
    keys = {}
    for split in SPLITS:
        ids = pq.read_table(folder / f"{split}.parquet")["id"].to_pylist()
        keys[split] = {(i.split("-")[0], *sorted(i.split("-")[1:-1])) for i in ids}
    keys["base"] = {
        (p.family, *sorted(map(str, p.numbers))) for p in draw_problems(list(TRAINING.values()), "base", 400, 0)
    }
    assert all(keys.values())
    for a, b in combinations(keys, 2):
        assert not keys[a] & keys[b], (a, b)


@given(st.sampled_from(sorted(TRAINING)), st.permutations([11, 25, 140]))
def test_the_order_of_numbers_does_not_change_their_split(family: str, numbers: list[int]):
    assert split_of(family, tuple(numbers)) == split_of(family, (11, 25, 140))


def test_split_shares_add_up_and_are_kept():
    assert sum(SHARES.values()) == 100
    found = [split_of("triangle", (a, b)) for a in range(10, 80) for b in range(a, 80)]
    for split, share in SHARES.items():
        assert abs(found.count(split) / len(found) - share / 100) < 0.03


def test_rows_are_geo3k_rows_that_the_engine_reads(folder: Path):
    table = pq.read_table(folder / "train.parquet")
    assert table.column_names == ["images", "problem", "answer", "id", "family"]
    problems = load_problems(folder / "train.parquet")
    assert len(problems) == SETTINGS.train
    assert all(p.text.startswith("<image>") and p.answer.isdigit() for p in problems)
    assert {image.size for p in problems[:20] for image in p.open_images()} == {(64, 64)}


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(folder: Path, tmp_path: Path):
    write_splits(SETTINGS, tmp_path / "again")
    write_splits(SETTINGS.model_copy(update={"seed": 1}), tmp_path / "other")
    for split in SPLITS:
        written = (folder / f"{split}.parquet").read_bytes()
        assert written == (tmp_path / "again" / f"{split}.parquet").read_bytes()
        assert written != (tmp_path / "other" / f"{split}.parquet").read_bytes()


def test_an_id_names_the_whole_problem(folder: Path):
    for row in pq.read_table(folder / "test.parquet").to_pylist()[:20]:
        problem = find_problem(TRAINING, row["id"])
        assert (f"<image>{problem.question}", problem.answer) == (row["problem"], row["answer"])
        drawn = Image.open(io.BytesIO(row["images"][0]["bytes"])).convert("L")
        assert np.array_equal(np.asarray(drawn), np.asarray(problem.canvas.image))


@given(st.sampled_from(sorted(TRAINING)), st.integers(0, 10**6))
def test_every_number_read_is_drawn_whole_on_the_patch_grid(name: str, seed: int):
    rng = Random(seed)  # noqa: S311
    canvas = Canvas(rng)
    numbers = TRAINING[name].numbers(rng)
    TRAINING[name].pose(canvas, *numbers)
    rows = ["".join(GLYPHS[c - 1] if c else " " for c in row) for row in canvas.grid]
    for number in numbers:
        assert any(str(number) in row.split() for row in rows), (numbers, rows)


def test_labels_never_overlap_and_a_full_diagram_says_so():
    canvas = Canvas(Random(0))  # noqa: S311
    with pytest.raises(ValueError, match="full"):
        for _ in range(CELLS * CELLS):
            canvas.label(PATCH, PATCH, 88)
    assert (canvas.grid > 0).sum() % 2 == 0
