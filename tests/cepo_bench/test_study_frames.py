"""Frames of a run against its files, the documented code, and the dataset that ``load_dataset`` reads."""

from __future__ import annotations

import json
import re
from pathlib import Path

import datasets
import nbformat
import pyarrow as pa
import pytest

import cepo_bench
from cepo_bench.dataset_folder import write_dataset
from contracts.errors import DataError
from contracts.paths import ROOT
from contracts.rollouts import SCHEMA, write_rollouts
from evals.analysis.archive import pack
from evals.analysis.cells import CellFolder
from tests.helpers.analysis_cells import write_cell

ROLLOUT = {
    "step": 1, "problem": "p1", "member": 0, "correct": True, "advantage": 1.0, "truncated": False,
    "tokens": ["a", "b"], "credit": [1.0, 1.0], "divergence": None, "evidence": [0.1, -0.2], "entropy": [0.5, 0.1],
}  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    for method in ("base", "grpo", "cepo"):
        for seed in (1, 2):
            cell = write_cell(folder / "cells", method, seed=seed, questions=12)
            if method != "base":
                write_rollouts(
                    pa.Table.from_pylist([ROLLOUT, ROLLOUT | {"correct": False}], SCHEMA), cell / "rollouts.parquet"
                )
    return folder


def test_frames_say_what_the_files_say(results: Path):
    run = cepo_bench.load(results)
    cell = CellFolder(results / "cells" / "cepo" / "small" / "default" / "s2")
    whose = "method == 'cepo' and seed == 2"
    (average,) = run.scores.query(f"{whose} and benchmark == 'average'").to_dict("records")
    assert (average["accuracy"], average["n"]) == (cell.scores.average, 5 * 12)
    assert run.steps.query(whose)["reward_mean"].tolist() == [step.reward_mean for step in cell.steps]
    assert run.steps.query(whose)["seconds.rollout"].tolist() == [step.seconds["rollout"] for step in cell.steps]
    answers = run.answers.query(f"{whose} and benchmark == 'mmmu'")
    assert answers["correct"].mean() == pytest.approx(cell.scores.benchmarks["mmmu"].accuracy)
    assert set(answers["response"]) == {"\\boxed{1}"}
    assert run.rollouts.query(whose)["reward"].tolist() == [1.0, 0.0]
    assert set(run.rollouts["method"]) == {"grpo", "cepo"}


def test_two_arms_and_an_interval(results: Path):
    run = cepo_bench.load(results)
    found = cepo_bench.compare(run["cepo/small/default"], run["grpo/small/default"])
    means = run.scores.query("benchmark == 'average'").groupby("method")["accuracy"].mean()
    assert found.value == pytest.approx(means["cepo"] - means["grpo"])
    assert found.low < found.value < found.high
    assert found.seeds == 2
    assert cepo_bench.compare(run["cepo/small/default"], run["grpo/small/default"], "mmmu").n == 12


def test_an_archive_has_the_same_numbers_and_no_responses(results: Path, tmp_path: Path):
    pack(results, tmp_path)
    run, packed = cepo_bench.load(results), cepo_bench.load(tmp_path)
    columns = ["method", "seed", "benchmark", "id", "correct"]
    assert packed.answers[columns].equals(run.answers[columns])
    assert "response" not in packed.answers
    assert len(packed.rollouts) == 0
    arm = "cepo/small/default"
    assert cepo_bench.compare(packed[arm], run[arm]).value == 0


def test_what_is_not_there_is_one_line(results: Path, tmp_path: Path):
    run = cepo_bench.load(results)
    with pytest.raises(DataError, match=r"no such arm in .*; did you mean 'cepo/small/default'"):
        run["cepo/small/defualt"]
    with pytest.raises(DataError, match=r"holds neither records\.parquet nor evaluated cells"):
        cepo_bench.load(tmp_path)
    with pytest.raises(DataError, match="is no benchmark that both arms answered; give one of"):
        cepo_bench.compare(run["cepo/small/default"], run["grpo/small/default"], "gsm8k")


def test_a_dataset_says_whose_a_rollout_is(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    out = tmp_path / "dataset"
    write_dataset(cepo_bench.load(results), out)
    read = datasets.load_dataset(str(out), "rollouts", split="train", cache_dir=str(tmp_path / "cache"))
    assert {(row["method"], row["seed"], row["reward"]) for row in read} == {
        (method, seed, reward) for method in ("grpo", "cepo") for seed in (1, 2) for reward in (1.0, 0.0)
    }
    card = (out / "README.md").read_text()
    assert "config_name: rollouts" in card
    assert "license: apache-2.0" in card


def test_the_page_runs(results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "python.md").read_text()
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    exec(compile(code.replace("results/reference/micro", str(results)), "python.md", "exec"), {})  # noqa: S102
    assert re.search(r"[+-]\d+\.\d points \[[+-]", capsys.readouterr().out)


def test_the_notebook_runs_and_holds_no_output(results: Path):
    notebook = nbformat.read(ROOT / "docs" / "read_results.ipynb", as_version=4)
    nbformat.validate(notebook)
    names: dict[str, object] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            source = cell.source.replace("results/reference/micro", str(results))
            exec(compile(source, "read_results.ipynb", "exec"), names)  # noqa: S102
    assert len(names["hard"]) == 10  # pyright: ignore[reportArgumentType]


def test_the_notebook_is_json_as_jupyter_writes_it():
    text = (ROOT / "docs" / "read_results.ipynb").read_text()
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"
