"""The micro world's five benchmarks: upstream's schemas, held out, answerable in the form each scorer parses."""

from __future__ import annotations

import io
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from evals.benchmarks import BENCHMARKS
from methods.micro.benchmarks import FEATURES, PROBLEMS, draw_items, write_benchmarks
from methods.micro.checks import CHANCE
from methods.micro.data import SPLITS
from methods.micro.demonstration import chain, close
from methods.micro.families.training import TRAINING
from methods.micro.formats import messages
from methods.micro.items import CHOICE, FAMILIES, RANGES, STYLES, Bench, letter
from methods.micro.problems import draw_problems, split_of
from methods.micro.samples import draw_exchanges
from methods.micro.settings import MicroSettings

SETTINGS = MicroSettings(bench_pool=300)
ALL: list[Bench] = list(FEATURES)
ARROW = {"text": pa.string(), "texts": pa.list_(pa.string()), "number": pa.int64()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmarks")
    write_benchmarks(SETTINGS, folder)
    return folder


def rows(folder: Path, bench: str) -> list[dict[str, Any]]:
    """Rows with their images decoded, as lmms-eval hands them to a task."""
    found = pq.read_table(folder / f"{bench}.parquet").to_pylist()
    for row in found:
        for column, value in row.items():
            if isinstance(value, dict):
                row[column] = Image.open(io.BytesIO(value["bytes"]))
    return found


@pytest.mark.parametrize("bench", ALL)
def test_columns_are_those_that_upstream_reads(folder: Path, bench: Bench):
    schema = pq.read_schema(folder / f"{bench}.parquet")
    for column, kind in BENCHMARKS[bench].columns.items():
        found = schema.field(column).type
        assert found == ARROW[kind] if kind in ARROW else set(found.names) == {"bytes", "path"}
    assert b"huggingface" in (schema.metadata or {}), "without it, datasets does not decode the images"


@pytest.mark.parametrize("bench", ALL)
def test_there_are_at_least_two_hundred_items_and_no_two_are_the_same(folder: Path, bench: Bench):
    found = rows(folder, bench)
    assert len(found) >= 200
    assert len({tuple(row[column] for column in BENCHMARKS[bench].key) for row in found}) == len(found)
    pictures = [
        (row["question"], next(v for v in row.values() if isinstance(v, Image.Image)).tobytes()) for row in found
    ]
    assert len(set(pictures)) == len(found)


@pytest.mark.parametrize("bench", ALL)
def test_a_right_and_a_wrong_demonstration_are_scored_as_such_by_lmms_eval(folder: Path, bench: Bench):
    items = [item for _, item in draw_items(bench, SETTINGS.seed)]
    for row, item in list(zip(rows(folder, bench), items, strict=True))[::20]:
        assert row[BENCHMARKS[bench].gold] == item.answer
        solution = chain(item.problem.plan, None)
        wrong = next(w for w in ("A", "B") if w != item.answer) if bench in CHOICE else str(int(item.answer) + 1)
        assert scored(bench, row, close(solution, item.answer, STYLES[bench]).text) == 1
        assert scored(bench, row, close(solution, wrong, STYLES[bench]).text) == 0


def scored(bench: Bench, row: dict[str, Any], response: str) -> float:
    """What lmms-eval's own functions give a response."""
    from lmms_eval.tasks.dynamath.reasoning import utils as dynamath
    from lmms_eval.tasks.logicvista.reasoning import utils as logicvista
    from lmms_eval.tasks.mathvision import utils as mathvision
    from lmms_eval.tasks.mmmu import utils as mmmu
    from lmms_eval.tasks.wemath.reasoning import utils as wemath

    if bench == "dynamath":
        return dynamath.dynamath_process_results(row, [response])["dynamath_average"]["acc"]
    if bench == "logicvista":
        return logicvista.logicvista_reasoning_process_results(row, [response])["acc_score"]
    if bench == "wemath":
        return wemath.wemath_reasoning_process_results(row, [response])["acc_score"]
    if bench == "mathvision":
        return float(mathvision.mathvision_process_results(row, [response])["mathvision_standard_eval"]["scores"][0])
    parsed = mmmu.mmmu_process_results(row, [response])["mmmu_acc"]
    return mmmu.mmmu_aggregate_results([parsed])


@pytest.mark.parametrize("bench", ALL)
def test_prompts_are_those_of_lmms_eval_with_the_diagram_before_the_question(folder: Path, bench: Bench):
    row = rows(folder, bench)[0]
    turns = messages(bench, row)
    kinds = [part["type"] for part in turns[-1]["content"]]
    assert kinds == ["image", "text"]
    asked = row["question"].replace("<image 1>", "").strip()
    assert asked in turns[-1]["content"][1]["text"]
    assert [turn["role"] for turn in turns] == (["system", "user"] if STYLES[bench] == "tags" else ["user"])


@pytest.mark.parametrize("bench", ALL)
def test_items_are_held_out_from_base_training(bench: Bench):
    learned = {
        (e.item.problem.family, tuple(sorted(e.item.problem.numbers)))
        for e in draw_exchanges(300, SETTINGS)
        if e.item.bench == bench
    }
    asked = {(i.problem.family, tuple(sorted(i.problem.numbers))) for _, i in draw_items(bench, SETTINGS.seed)}
    assert learned and not learned & asked
    assert all(split_of(family, numbers) != "base" for family, numbers in asked)


def test_no_item_asks_what_a_training_problem_asks():
    asked = {item.problem.question for bench in ALL for _, item in draw_items(bench, 0)}
    trained = {p.question for split in (*SPLITS, "base") for p in draw_problems(list(TRAINING.values()), split, 40, 0)}
    assert not asked & trained
    assert not {name for families in FAMILIES.values() for name in families} & set(TRAINING)


def test_dynamath_has_ten_variants_of_each_of_its_seed_problems(folder: Path):
    variants = Counter(row["id"] for row in rows(folder, "dynamath"))
    assert len(variants) >= 20
    assert set(variants.values()) == {PROBLEMS["dynamath"]} == {10}


def test_wemath_problems_have_all_their_steps_on_one_figure(folder: Path):
    problems: dict[str, list[dict[str, Any]]] = {}
    for row in rows(folder, "wemath"):
        problems.setdefault(row["ID"], []).append(row)
    for name, parts in problems.items():
        count = int(name[0])
        assert [p["key"] for p in parts] == [f"{count}steps_{i + 1}" for i in range(count)] + [f"{count}steps_multi"]
        assert len({p["image_path"].tobytes() for p in parts}) == 1
    assert {name[0] for name in problems} == {"2", "3"}


@pytest.mark.parametrize("bench", CHOICE)
def test_no_letter_is_right_much_more_often_than_another(folder: Path, bench: Bench):
    letters = Counter(row["answer"] for row in rows(folder, bench))
    assert len(letters) == len(RANGES[bench]) + 1
    assert max(letters.values()) / letters.total() <= CHANCE[bench]


@pytest.mark.parametrize(
    ("bench", "value", "right"), [("mmmu", 45, "A"), ("mmmu", 46, "B"), ("mmmu", 4300, "G"), ("mmmu", 4301, "H")]
)
def test_letters_of_values_at_the_edges_of_ranges(bench: Bench, value: int, right: str):
    assert letter(bench, value) == right


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(folder: Path, tmp_path: Path):
    write_benchmarks(SETTINGS, tmp_path / "again")
    write_benchmarks(SETTINGS.model_copy(update={"seed": 1}), tmp_path / "other")
    for bench, place in product(ALL, ["again", "other"]):
        same = (folder / f"{bench}.parquet").read_bytes() == (tmp_path / place / f"{bench}.parquet").read_bytes()
        assert same == (place == "again")
