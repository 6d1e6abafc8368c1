"""lmms-eval's own Qwen3-VL model, without anything of ours, takes a merged export."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from evals.benchmarks import BENCHMARKS
from evals.harness import go_offline, run_lmms_eval
from evals.settings import EvalSettings
from tests.helpers.eval_fixtures import write_benchmarks
from tests.helpers.trained_cell import write_trained_cell
from workflows.lib.publish.export import export


def test_stock_lmms_eval_asks_a_merged_export(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_trained_cell(tmp_path, tiny_base)
    merged = export(tmp_path, "cepo/small/default/s1", merged=True)
    monkeypatch.setitem(sys.modules, "decord", ModuleType("decord"))  # it reads videos, and is not installed
    go_offline()
    from lmms_eval.models import get_model

    model = get_model("qwen3_vl")(
        pretrained=str(merged), device="cpu", device_map="cpu", min_pixels=1024, max_pixels=65536
    )
    benchmarks = {"mathvision": write_benchmarks(tmp_path / "data", 2)["mathvision"]}
    results = run_lmms_eval(model, benchmarks, EvalSettings(max_new_tokens=8, presence_penalty=0))
    answers = results["samples"][BENCHMARKS["mathvision"].task]
    assert len(answers) == 2
    assert all(isinstance(answer["filtered_resps"][0], str) for answer in answers)
