"""A trained adapter loads from any folder in three lines; its card says what it is; an export needs nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from peft import AutoPeftModel
from transformers import AutoModelForImageTextToText, AutoProcessor

from contracts.errors import DataError
from contracts.records import Cell
from evals.analysis.cells import CellFolder
from tests.helpers.analysis_cells import write_cell
from tests.helpers.trained_cell import write_trained_cell
from workflows.lib.publish.adapter_folder import base_name, complete
from workflows.lib.publish.export import export
from workflows.lib.publish.model_card import model_card


@pytest.fixture
def results(tiny_base: Path, tmp_path: Path) -> Path:
    """A results folder with one trained cell."""
    write_trained_cell(tmp_path / "run", tiny_base)
    return tmp_path / "run"


def test_an_adapter_loads_from_another_folder(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    cell = CellFolder(results / "cells/cepo/small/default/s1")
    folder = cell.path / "adapter"
    monkeypatch.chdir(results.parent)
    complete(folder, Path("run/models/small/s1/model"), cell.cell)  # a relative path, as the workflow gives it
    monkeypatch.chdir("/")
    model, processor = AutoPeftModel.from_pretrained(folder), AutoProcessor.from_pretrained(folder)
    assert type(model.get_base_model()).__name__ == "Qwen3VLForConditionalGeneration"
    assert type(processor).__name__ == "Qwen3VLProcessor"
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["task_type"] is None
    assert config["base_model_name_or_path"] == str(results / "models/small/s1/model")
    assert "| `eps_w` | 0.5 |" in (folder / "README.md").read_text()


def test_a_base_of_the_hub_is_named_with_its_commit(tmp_path: Path):
    (tmp_path / "base.json").write_text(json.dumps({"source": "Qwen/Qwen3-VL-2B-Instruct", "revision": "a" * 40}))
    assert base_name(tmp_path / "model") == ("Qwen/Qwen3-VL-2B-Instruct", "a" * 40)
    (tmp_path / "base.json").write_text(json.dumps({"source": "./mine", "revision": None}))
    assert base_name(tmp_path / "model") == (str(tmp_path / "model"), None)


def test_an_export_has_scores_and_the_merged_one_needs_no_base(results: Path, monkeypatch: pytest.MonkeyPatch):
    name = "cepo/small/default/s1"
    plain, merged = export(results, name), export(results, name, merged=True)
    assert {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json"} <= {f.name for f in plain.iterdir()}
    assert not list(merged.glob("adapter*"))
    model = AutoModelForImageTextToText.from_pretrained(merged)
    adapted = AutoPeftModel.from_pretrained(plain).merge_and_unload().state_dict()
    start = AutoModelForImageTextToText.from_pretrained(results / "models/small/s1/model").state_dict()
    weights = model.state_dict()
    assert all(weights[key].equal(value) for key, value in adapted.items())
    assert any(not weights[key].equal(value) for key, value in start.items())
    scores = CellFolder(results / "cells" / name).scores
    card = ModelCard.load(merged / "README.md")
    assert f"| Average | {100 * scores.average:.1f} |" in card.text
    assert card.data.library_name == "transformers"
    assert {one.dataset_name for one in card.data.eval_results} == {
        "micro-DynaMath", "micro-LogicVista", "micro-MathVision", "micro-MMMU", "micro-WeMath",
    }  # fmt: skip


def test_what_has_no_adapter_is_one_line(tmp_path: Path):
    write_cell(tmp_path / "cells", "base", questions=5)
    with pytest.raises(DataError, match="has no adapter; train it first"):
        export(tmp_path, "base/small/default/s1")


def test_a_card_of_the_paper_world_names_its_base_on_the_hub():
    cell = Cell(
        world="paper", engine="easyr1", method="cepo", scale="2b", seed=1, model_name="Qwen3-VL-2B",
        options={"lam": 0.5}, digests={},
    )  # fmt: skip
    card = ModelCard(model_card(cell, "Qwen/Qwen3-VL-2B-Instruct", "a" * 40, adapted=True))
    assert card.data.base_model == "Qwen/Qwen3-VL-2B-Instruct"
    assert "geometry" not in card.text
