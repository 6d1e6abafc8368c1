"""Part ``worker`` of benchmarks/gpu_check.py on a CPU: in float32 it must agree with the local engine."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from contracts.paths import ROOT


def test_the_check_for_a_gpu_runs_here(checkout: Path, python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    rows = list(import_module("gpu_worker").worker_rows("cpu", checkout, python, tmp_path))
    assert len(rows) == 2 * (7 * 2 + 1)
    assert not [row.cells() for row in rows if row.fails]
