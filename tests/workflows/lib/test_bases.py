"""Base models from a folder and from the hub; those built here are tested with the micro world."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contracts.errors import DataError
from workflows.lib.base_models import provide
from workflows.lib.config.schema import ScaleSettings
from workflows.lib.hub.needs import read_lock


def test_a_folder_is_linked_without_code_and_pickles(tmp_path: Path):
    source = tmp_path / "source"
    source.mkdir()
    for name in ("config.json", "model.safetensors", "chat_template.jinja", "modeling_x.py", "pytorch_model.bin"):
        (source / name).write_text(name)
    provide(
        ScaleSettings(model_name="X", base_model=str(source)),
        "",
        tmp_path / "out" / "model",
        tmp_path / "out" / "base.json",
    )
    linked = {path.name: path.read_text() for path in (tmp_path / "out" / "model").iterdir()}
    assert linked == {name: name for name in ("config.json", "model.safetensors", "chat_template.jinja")}
    report = json.loads((tmp_path / "out" / "base.json").read_text())
    assert (report["source"], report["revision"]) == (str(source), None)


def test_a_folder_without_safetensors_is_one_line(tmp_path: Path):
    (tmp_path / "config.json").touch()
    scale = ScaleSettings(model_name="X", base_model=str(tmp_path))
    with pytest.raises(DataError, match=r": holds no weights as safetensors; save the model with save_pretrained$"):
        provide(scale, "", tmp_path / "out" / "model", tmp_path / "out" / "base.json")


def test_a_hub_model_that_was_not_fetched_is_one_line(tmp_path: Path):
    scale = ScaleSettings(model_name="X", base_model="nobody/nothing", revision="0" * 40)
    with pytest.raises(DataError, match=r"^nobody/nothing \(base_model\): has not been fetched; run: make fetch$"):
        provide(scale, str(tmp_path / "x.lock.json"), tmp_path / "out" / "model", tmp_path / "out" / "base.json")


def test_a_broken_lock_is_one_line(tmp_path: Path):
    (tmp_path / "x.lock.json").write_text("{")
    with pytest.raises(
        DataError, match=r"x.lock.json: is not a lock of fetched files \(.*\); delete it and run: make f"
    ):
        read_lock(tmp_path / "x.lock.json")
