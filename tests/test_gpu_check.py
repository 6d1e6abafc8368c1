"""benchmarks/gpu_check.py, small, on a CPU. Its part ``worker`` needs EasyR1: tests/easyr1/test_gpu_worker.py."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from contracts.paths import ROOT


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return import_module("gpu_check")


def test_head_and_engine_print_one_table(check: Any, capsys: pytest.CaptureFixture[str]):
    status = check.main(["head", "engine", "--small"])
    table = capsys.readouterr().out.splitlines()
    assert status == 0, table
    assert table[0].split()[:3] == ["part", "what", "seconds"]
    assert [line.split()[0] for line in table[2:]] == ["head"] * 2 + ["engine"] * 4
    assert sum("first ratio" in line and line.endswith("yes") for line in table) == 2  # CEPO; OPSD has no ratio


def test_a_number_out_of_its_limit_fails(check: Any):
    row = check.Row("head", "float32", value=0.2, most=0.1)
    assert row.fails and row.cells()[-1] == "NO"
    assert check.Row("head", "float32", value=float("nan"), most=0.1).fails
    assert not check.Row("head", "float32", value=0.1, most=0.1).fails


def test_every_wheel_to_bring_along_is_in_the_lock(check: Any):
    lines = check.carried(check.LOCK.read_text())
    assert {canonicalize_name(line.split("==")[0].split("[")[0]) for line in lines} == set(check.CARRIED)


def test_what_cannot_run_is_one_line(check: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(check.torch.cuda, "is_available", lambda: False)
    for arguments, cause in (
        (["head"], "no GPU here; --small runs the same code on a CPU"),
        (["worker", "--small"], "part worker needs --easyr1 and --easyr1-python"),
    ):
        with pytest.raises(SystemExit):
            check.main(arguments)
        assert capsys.readouterr().err.strip().endswith(cause)
