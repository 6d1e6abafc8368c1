"""Bad input to an evaluation: one line that names place, cause and way out, before anything slow or partial happens."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pyarrow.parquet as pq
import pytest
import torch
from PIL import ImageFile
from pydantic import ValidationError
from safetensors.torch import save_file

from contracts.errors import ConfigError, DataError, EvalError, UserError
from contracts.paths import ROOT
from evals.benchmarks import BENCHMARKS
from evals.inputs import check_environment, check_model, check_weights, read_benchmark, row_id
from evals.run import evaluate
from evals.settings import EvalSettings
from tests.helpers.eval_fixtures import ROWS, write_benchmark


def refusal(name: str, path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_benchmark(name, path, None)
    line = str(caught.value)
    assert "\n" not in line and str(path) in line and ";" in line
    return line


@pytest.mark.parametrize("name", list(ROWS))
def test_rows_in_the_upstream_schema_are_read(name: str, tmp_path: Path):
    path = write_benchmark(name, [ROWS[name](i) for i in range(12)], tmp_path / "b.parquet")
    rows = read_benchmark(name, path, None)
    assert len({row_id(BENCHMARKS[name], row) for row in rows}) == 12
    assert [read_benchmark(name, path, limit) for limit in (5, 99)] == [rows[:5], rows]


@pytest.mark.parametrize("name", list(ROWS))
def test_each_missing_column_is_named(name: str, tmp_path: Path):
    for column in BENCHMARKS[name].columns:
        rows = [{k: v for k, v in ROWS[name](0).items() if k != column}]
        assert f"needs the columns {column}" in refusal(name, write_benchmark(name, rows, tmp_path / "b.parquet"))


def test_a_file_that_is_missing_truncated_foreign_or_empty(tmp_path: Path):
    path = tmp_path / "b.parquet"
    assert "is missing" in refusal("mmmu", path)
    write_benchmark("mmmu", [ROWS["mmmu"](i) for i in range(9)], path)
    path.write_bytes(path.read_bytes()[:-100])
    assert "not a readable parquet" in refusal("mmmu", path)
    path.write_text("<html>not found</html>")
    assert "not a readable parquet" in refusal("mmmu", path)
    empty = pq.read_table(write_benchmark("mmmu", [ROWS["mmmu"](0)], path)).slice(0, 0)
    pq.write_table(empty, path)
    assert "no rows" in refusal("mmmu", path)


def test_a_broken_data_page_is_refused(tmp_path: Path):
    path = write_benchmark("dynamath", [ROWS["dynamath"](i) for i in range(50)], tmp_path / "b.parquet")
    content = bytearray(path.read_bytes())
    content[40:400] = b"\x00" * 360
    path.write_bytes(content)
    refusal("dynamath", path)


def test_a_column_of_another_type_is_named(tmp_path: Path):
    path = write_benchmark("mathvision", [ROWS["mathvision"](0)], tmp_path / "b.parquet")
    table = pq.read_table(path)
    wrong = table.set_column(table.column_names.index("options"), "options", [["A, B"]])
    pq.write_table(wrong.replace_schema_metadata(table.schema.metadata), path)
    assert "column options is string, not texts" in refusal("mathvision", path)


def test_images_that_datasets_would_not_decode_are_refused(tmp_path: Path):
    path = write_benchmark("wemath", [ROWS["wemath"](0)], tmp_path / "b.parquet", marked=False)
    assert "image_path is not marked as Image" in refusal("wemath", path)


@pytest.mark.parametrize("content", [None, b"", b"\x89PNG\r\n\x1a\n", "half"])
def test_an_unreadable_image_is_named_by_row(
    content: bytes | str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", False)  # as before lmms-eval is imported, which sets it
    rows = [ROWS["dynamath"](i) for i in range(3)]
    whole = rows[2]["decoded_image"]["bytes"]
    rows[2]["decoded_image"]["bytes"] = whole[: len(whole) // 2] if content == "half" else content
    path = write_benchmark("dynamath", rows, tmp_path / "b.parquet")
    assert "row 2: decoded_image: not a readable image" in refusal("dynamath", path)


@pytest.mark.parametrize(
    ("name", "change", "cause"),
    [
        ("mathvision", {"options": ["1", "2"], "answer": "C"}, "answer 'C' is none of the options A, B"),
        ("mathvision", {"options": ["1", "2"], "answer": "2"}, "answer '2' is none of the options A, B"),
        ("mmmu", {"options": "open('x')"}, "is not a list of strings"),
        ("mmmu", {"options": "[1, 2]"}, "is not a list of strings"),
        ("mmmu", {"question_type": "essay"}, "neither multiple-choice nor open"),
        ("mmmu", {"options": "[]"}, "answer 'B' is given no options to choose from"),
        ("mmmu", {"answer": "D"}, "answer 'D' is none of the options A, B, C"),
        ("mmmu", {"answer": "['A', 'B']"}, "answer '['A', 'B']' is none of the options A, B, C"),
        ("mmmu", {"answer": " "}, "answer is blank"),
        ("mmmu", {"id": "7"}, "does not read validation_Subject_number"),
        ("mmmu", {"id": "validation_Math_x"}, "does not read validation_Subject_number"),
        ("mmmu", {"question": "<image 8>?"}, "<image 8> is named but image_8 is empty"),
        ("mathvision", {"answer": "['A']"}, "is none of the options"),
        ("mathvision", {"options": [], "answer": ""}, "answer is blank"),
        ("logicvista", {"answer": ""}, "answer is blank"),
        ("dynamath", {"ground_truth": " "}, "ground_truth is blank"),
        ("wemath", {"answer": "F"}, "answer 'F' is none of the options in 'A. 1; B. 2"),
        ("wemath", {"answer": "['A', 'B']"}, "is none of the options in"),
        ("mmmu", {"question": "<image 2>?"}, "image_2 is empty"),
        ("dynamath", {"ground_truth": None}, "ground_truth is empty"),
        ("logicvista", {"image": None}, "image is empty"),
    ],
)
def test_a_row_that_no_task_can_score_is_refused(name: str, change: dict, cause: str, tmp_path: Path):
    path = write_benchmark(name, [ROWS[name](1) | change], tmp_path / "b.parquet")
    assert cause in refusal(name, path)


def test_two_rows_of_one_id_are_refused(tmp_path: Path):
    path = write_benchmark("wemath", [ROWS["wemath"](4)] * 2, tmp_path / "b.parquet")
    assert "rows share the id 2steps_1/2steps_2" in refusal("wemath", path)


def test_an_unknown_benchmark_suggests_a_known_one(tmp_path: Path):
    with pytest.raises(ConfigError, match="did you mean 'wemath'"):
        read_benchmark("wemaths", tmp_path / "b.parquet", None)


@pytest.mark.parametrize(
    ("name", "value"), [("USE_LLM_JUDGE", "True"), ("NUM_IMAGE", "2"), ("WORLD_SIZE", "4"), ("RANK", "1")]
)
def test_variables_that_change_scores_are_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(name, raising=False)
    check_environment()
    monkeypatch.setenv(name, value)
    with pytest.raises(EvalError, match=f"unset {name}"):
        check_environment()


def test_an_evaluation_off_the_main_thread_is_refused():
    caught: list[UserError] = []

    def run() -> None:
        try:
            check_environment()
        except UserError as error:
            caught.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    assert "main thread" in str(caught[0])


@pytest.mark.parametrize("gone", ["", "config.json", "model.safetensors", "tokenizer.json", "processor_config.json"])
def test_an_incomplete_model_folder_is_refused(gone: str, tiny_base: Path, tmp_path: Path):
    copy = tmp_path / "model"
    shutil.copytree(tiny_base, copy)
    check_model(copy, None)
    if gone:
        (copy / gone).unlink()
    else:
        shutil.rmtree(copy)
    with pytest.raises(DataError, match="model folder is missing" if not gone else "is missing from"):
        check_model(copy, None)


def test_an_incomplete_adapter_folder_is_refused(tiny_base: Path, tmp_path: Path):
    with pytest.raises(DataError, match="adapter folder is missing"):
        check_model(tiny_base, tmp_path / "adapter")
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text(json.dumps({}))
    with pytest.raises(DataError, match=r"adapter_model\.safetensors is missing"):
        check_model(tiny_base, tmp_path / "adapter")


def test_a_whole_model_may_stand_in_the_place_of_an_adapter(tiny_base: Path, tmp_path: Path):
    trained = tmp_path / "adapter"
    shutil.copytree(tiny_base, trained)
    check_model(tiny_base, trained)
    (trained / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"\*\.safetensors is missing from the adapter folder"):
        check_model(tiny_base, trained)


def test_a_refused_evaluation_writes_nothing(tmp_path: Path):
    out = tmp_path / "eval"
    with pytest.raises(DataError, match="model folder is missing"):
        evaluate("base/small/default/s0", tmp_path / "no", None, {}, EvalSettings(), 0, out / "s.parquet", out / "raw")
    assert not out.exists()


@pytest.mark.parametrize("bad", [{"temperature": -1.0}, {"top_p": 0.0}, {"limit": 0}, {"batch": 4}, {"top_k": "40"}])
def test_settings_are_strict(bad: dict):
    with pytest.raises(ValidationError):
        EvalSettings(**bad)


def test_checking_and_scoring_import_no_model_library():
    heavy = "{'torch', 'transformers', 'lmms_eval', 'datasets'}"
    code = f"import sys, evals.run, evals.scores; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", list(ROWS))
def test_real_rows_pass(name: str):
    path = ROOT.parent / "shared" / "benchmarks" / name / f"{BENCHMARKS[name].split}.parquet"
    if not path.is_file():
        pytest.skip("no real rows beside the checkout")
    assert read_benchmark(name, path, None)


def test_an_open_question_of_mmmu_may_have_several_answers(tmp_path: Path):
    """MMMU itself has such rows; lmms-eval's scorer takes the list for one text (docs/second-reading.md)."""
    path = write_benchmark("mmmu", [ROWS["mmmu"](0) | {"answer": "['$MgS$', 'MgS']"}], tmp_path / "b.parquet")
    assert read_benchmark("mmmu", path, None)


def test_weights_that_are_no_numbers_are_refused(tiny_base: Path, tmp_path: Path):
    check_weights(tiny_base, None)
    save_file({"lora": torch.tensor([1.0, math.inf])}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(DataError, match="the trained weights: tensor lora holds"):
        check_weights(tiny_base, tmp_path)
