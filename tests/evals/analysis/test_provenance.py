"""What captions say of seeds."""

from __future__ import annotations

import json
from pathlib import Path

from evals.analysis.cells import read_arms
from evals.analysis.provenance import trained_with
from tests.helpers.analysis_cells import write_cell


def with_base(cell: Path, digest: str) -> Path:
    """The cell, whose record names its base model."""
    record = json.loads((cell / "cell.json").read_text())
    (cell / "cell.json").write_text(json.dumps(record | {"digests": {"base": digest}}))
    return cell


def test_captions_say_where_each_seed_has_a_base_model_of_its_own(tmp_path: Path):
    own = [with_base(write_cell(tmp_path / "own", "grpo", seed=seed, questions=2), f"{seed}") for seed in (1, 2)]
    shared = [with_base(write_cell(tmp_path / "one", "grpo", seed=seed, questions=2), "a") for seed in (1, 2)]
    unknown = [write_cell(tmp_path / "unknown", "grpo", seed=seed, questions=2) for seed in (1, 2)]
    assert trained_with(read_arms(own)) == "Trained with seeds 1 and 2; each has a base model of its own."
    assert trained_with(read_arms(shared)) == trained_with(read_arms(unknown)) == "Trained with seeds 1 and 2."
    assert trained_with(read_arms(own[:1])) == "Trained with seed 1."
