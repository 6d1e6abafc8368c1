"""What a cell keeps of its rollouts: the groups asked for, what each token got, and nothing that moves the training."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file

from contracts.errors import DataError
from contracts.records import Cell, TrainingStep
from contracts.rollouts import SCHEMA, Rollout, read_rollouts
from methods.engines.local.train import train
from methods.engines.shared.settings import SharedSettings
from tests.methods.engines.local.test_local_train import SETTINGS, make_cell, same_bits

pytestmark = pytest.mark.usefixtures("kept_graders")


def trained(cell: Cell, base: Path, data: Path, out: Path, kept_groups: int = 2) -> list[Rollout]:
    settings = SharedSettings(**SETTINGS.model_dump() | {"kept_groups": kept_groups})
    train(cell, data / "train.parquet", data / "validation.parquet", base, out, settings)
    return read_rollouts(out / "rollouts.parquet")


@pytest.fixture(scope="module")
def rows_of(tiny_base, micro_data, tmp_path_factory) -> Callable[[str], list[Rollout]]:
    """What a method keeps; each is trained once for all tests. RLSD and CEPO weigh tokens in their first 3 steps."""

    @cache
    def rows(method: str) -> list[Rollout]:
        options = {"lam": 0.5, "decay_steps": 3} if method in ("rlsd", "cepo") else {}
        return trained(make_cell(method, **options), tiny_base, micro_data, tmp_path_factory.mktemp(method))

    return rows


def test_the_model_of_a_row_has_the_columns_of_the_file():
    assert list(Rollout.model_fields) == SCHEMA.names


@pytest.mark.parametrize("method", ["grpo", "rlsd", "cepo", "opsd", "sdpo"])
def test_every_method_leaves_what_its_tokens_got(method, rows_of, micro_data):
    rows = rows_of(method)
    assert [r.step for r in rows] == [step for step in range(1, 6) for _ in range(8)]  # 2 groups of 4
    assert [r.member for r in rows[:8]] == [0, 1, 2, 3, 0, 1, 2, 3]
    ids = set(pq.read_table(micro_data / "train.parquet", columns=["id"])["id"].to_pylist())
    assert {r.problem for r in rows} <= ids
    for row in rows:
        Rollout.model_validate(dict(row))
        lists = [values for values in (row.credit, row.divergence, row.evidence) if values is not None]
        assert {len(values) for values in lists} <= {len(row.tokens)}
        assert (row.credit is None) == (method in ("opsd", "sdpo")) == (row.divergence is not None)
        assert row.tokens[-1] == "<|im_end|>" or row.truncated or row.tokens[-1] == "<|endoftext|>"
        if row.divergence is not None:
            assert min(row.divergence) >= 0 < max(row.divergence)
        if row.evidence is not None:
            assert method in ("rlsd", "cepo")
            assert row.step <= 3  # then lam is 0 and no teacher is asked
            assert row.advantage != 0


def test_grpo_gives_every_token_the_advantage_of_its_rollout(rows_of):
    assert rows_of("grpo")
    for row in rows_of("grpo"):
        assert row.credit == [row.advantage] * len(row.tokens)


def test_credit_of_cepo_follows_from_its_evidence(tiny_base, micro_data, tmp_path):
    rows = trained(make_cell("cepo", lam=0.5, decay_steps=4, eps_w=0.2), tiny_base, micro_data, tmp_path)
    found = [row for row in rows if row.evidence is not None and row.credit is not None]
    assert found
    for row in found:
        lam = 0.5 * (1 - (row.step - 1) / 4)
        weight = np.clip(np.exp(np.sign(row.advantage) * np.array(row.evidence)), 0.8, 1.2)
        assert np.allclose(row.credit, row.advantage * (1 - lam + lam * weight), atol=1e-6)


def test_keeping_changes_nothing_else(tiny_base, micro_data, tmp_path):
    cell = make_cell("sdpo")
    assert trained(cell, tiny_base, micro_data, tmp_path / "none", kept_groups=0) == []
    assert trained(cell, tiny_base, micro_data, tmp_path / "all", kept_groups=99)[-1].step == 5
    none, every = (load_file(tmp_path / name / "adapter" / "adapter_model.safetensors") for name in ("none", "all"))
    assert same_bits(none, every)
    lines = [
        [
            {k: v for k, v in json.loads(line).items() if k != "seconds"}
            for line in (tmp_path / name / "train.jsonl").read_text().splitlines()
        ]
        for name in ("none", "all")
    ]
    assert lines[0] == lines[1]
    assert TrainingStep.model_validate(lines[0][0] | {"seconds": {}}).step == 1


@pytest.mark.parametrize("table", [None, pa.table({"step": [1]})])
def test_a_file_of_another_kind_is_named(table, tmp_path):
    path = tmp_path / "rollouts.parquet"
    path.write_text("not parquet") if table is None else pq.write_table(table, path)
    with pytest.raises(DataError, match=r"rollouts\.parquet: .*train the cell again"):
        read_rollouts(path)
