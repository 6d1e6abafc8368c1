"""The committed run: what is copied, what is left behind, and where it says it came from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contracts.errors import DataError
from contracts.records import Run
from workflows.lib.publish.reference import publish

RUN = Run(
    cell="cepo/small/default/s1", cell_digest="d", git_sha="abc", git_dirty=False, versions={"torch": "2"},
    device="cpu",
    machine="a machine", threads=1, seeds={}, started="2026-01-02T03:04:05+00:00", wall_seconds=1.0,
    seconds={"rollout": 60.0, "update": 60.0}, peak_memory_mb=1.0,
)  # fmt: skip


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A results folder whose cell is a link into a cache."""
    results, kept = tmp_path / "results", tmp_path / "kept.json"
    cell = results / "cells/cepo/small/default/s1"
    files = ["tables/table2.md", "tables/table2.csv", "figures/figure1.svg", "logs/table2.log", "tracked.json"]
    for path in [*(results / name for name in files), cell / "adapter/weights", cell / "eval/scores.json"]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    kept.write_text(RUN.model_dump_json())
    (cell / "run.json").symlink_to(kept)
    return results


def test_tables_and_figures_are_copied_and_neither_cells_nor_checkpoints_are(finished: Path, tmp_path: Path):
    target = tmp_path / "reference"
    (target / "tables").mkdir(parents=True)
    (target / "tables/old.md").write_text("of an earlier run")
    publish(finished, target, "make everything SEEDS=1")
    found = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert found == {"tables/table2.md", "tables/table2.csv", "figures/figure1.svg", "provenance.json"}
    assert not any(path.is_symlink() for path in target.rglob("*"))


def test_the_page_beside_the_run_stays(finished: Path, tmp_path: Path):
    target = tmp_path / "reference"
    target.mkdir()
    (target / "README.md").write_text("how it came about")
    (target / "answers.parquet").write_text("of an earlier run")
    publish(finished, target, "make everything")
    assert (target / "README.md").read_text() == "how it came about"
    assert not (target / "answers.parquet").exists()


def test_provenance_says_command_date_machine_versions_and_commit(finished: Path, tmp_path: Path):
    publish(finished, tmp_path / "reference", "make everything SEEDS=1")
    said = json.loads((tmp_path / "reference/provenance.json").read_text())
    assert said.pop("published")
    assert said == {
        "command": "make everything SEEDS=1", "trained": ["2026-01-02"], "cells": 1, "training_minutes": 2.0,
        "machines": ["a machine (cpu, threads: 1)"], "versions": ["torch 2"], "commits": ["abc"],
    }  # fmt: skip


def test_an_unfinished_run_is_refused_and_the_old_one_stays(finished: Path, tmp_path: Path):
    target = tmp_path / "reference"
    publish(finished, target, "make everything")
    (finished / "tracked.json").unlink()
    with pytest.raises(DataError, match=r"no finished run .*run: make everything"):
        publish(finished, target, "make everything")
    assert (target / "provenance.json").exists()
