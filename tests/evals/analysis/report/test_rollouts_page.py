"""The page of rollouts: what it holds is what the files say, and nothing in it can run or fetch."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.errors import DataError
from contracts.rollouts import SCHEMA, write_rollouts
from evals.analysis.report import rollouts_page
from tests.helpers.analysis_cells import write_cell

HOSTILE = "</script><img src=x onerror=alert(1)>"
PIXEL = b"\x89PNG"


def rollout(step: int, member: int, credit: list[float] | None) -> dict:
    return {
        "step": step, "problem": "p1", "member": member, "correct": member == 0, "advantage": 1.0 - 2 * member,
        "truncated": False, "tokens": ["The", HOSTILE], "credit": credit,
        "divergence": None if credit else [0.25, 0.5], "evidence": [0.123456, -1.0] if credit else None,
        "entropy": [0.5, 0.1],
    }  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    for method, credit in (("grpo", [1.0, 1.0]), ("cepo", [1.5, 0.5]), ("opsd", None)):
        cell = write_cell(folder / "cells", method, questions=5)
        rows = [rollout(step, member, credit) for step in range(1, 51) for member in (0, 1)]
        write_rollouts(pa.Table.from_pylist(rows, SCHEMA), cell / "rollouts.parquet")
    (folder / "data").mkdir()
    row = {"images": [{"bytes": PIXEL, "path": None}], "problem": "<image>Find x.", "answer": "85", "id": "p1"}
    pq.write_table(pa.Table.from_pylist([row]), folder / "data" / "train.parquet")
    return folder


def held(page: str) -> dict:
    return json.loads(re.findall(r'<script id="data" type="application/json">(.*?)</script>', page)[0])


def test_a_problem_with_every_methods_rollouts(results: Path):
    data = held(rollouts_page.build(results, steps=3))
    problem = {
        "question": "Find x.",
        "answer": "85",
        "image": "data:image/png;base64," + base64.b64encode(PIXEL).decode(),
    }
    assert data["problems"] == {"p1": problem}
    assert list(data["scales"]["small"]) == ["1", "25", "50"]
    group = data["scales"]["small"]["1"]["p1"]
    assert list(group) == ["GRPO", "OPSD", "CEPO"]
    first, second = group["CEPO"]
    assert (first["member"], first["correct"], first["reward"], first["advantage"]) == (0, True, 1.0, 1.0)
    assert second["reward"] == 0.0
    assert first["values"] == {"credit": [1.5, 0.5], "evidence": [0.1235, -1.0], "entropy": [0.5, 0.1]}
    assert group["OPSD"][0]["values"] == {"divergence": [0.25, 0.5], "entropy": [0.5, 0.1]}


def test_nothing_in_the_page_can_run_or_fetch(results: Path):
    page = rollouts_page.build(results)
    assert HOSTILE not in page
    assert held(page)["scales"]["small"]["1"]["p1"]["CEPO"][0]["tokens"] == ["The", HOSTILE]
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{allowed}'" in policy
    assert len(scripts) == 1
    assert "innerHTML" not in page
    assert not re.search(r"https?://", page)


def test_a_run_without_rollouts_is_one_line(tmp_path: Path):
    write_cell(tmp_path / "cells", "grpo", questions=5)
    with pytest.raises(DataError, match="no cell kept rollouts"):
        rollouts_page.build(tmp_path)
