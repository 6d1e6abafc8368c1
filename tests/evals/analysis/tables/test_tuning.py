"""Learning rates compared on validation problems."""

from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from contracts.paths import ROOT
from contracts.records import TrainingStep
from evals.analysis.cells import read_arms
from evals.analysis.tables.tuning import final_accuracy, write
from tests.helpers.analysis_cells import write_cell

PUBLISHED = ROOT / "results" / "published"


def cell_at(root: Path, variant: str, rate: float, last: float | None, seed: int = 1) -> Path:
    """A GRPO cell trained at a learning rate; ``last`` is its last validation accuracy."""
    folder = write_cell(root, "grpo", variant=variant, seed=seed, questions=10, changed={"lr": rate})
    log = folder / "train.jsonl"
    steps = [TrainingStep.model_validate_json(line) for line in log.read_text().splitlines()]
    steps[-1] = steps[-1].model_copy(update={"val_accuracy": last})
    log.write_text("\n".join(step.model_dump_json() for step in steps) + "\n")
    return folder


def test_the_highest_rate_of_a_method_is_bold_and_the_csv_has_every_number(tmp_path: Path):
    cells = [cell_at(tmp_path, "default", 1e-3, 0.5), cell_at(tmp_path, "lr_x5", 5e-3, 0.25)]
    files = {path.suffix: path.read_text() for path in write(cells, PUBLISHED, tmp_path / "out")}
    row = next(line for line in files[".md"].splitlines() if "GRPO" in line and "|" in line)
    assert row.index("50.0") < row.index("25.0")
    assert "**50.0**" in row and "**25.0**" not in row
    values = pd.read_csv(tmp_path / "out" / "tuning.csv")["value"].tolist()
    assert values == [50.0, 25.0]


def test_the_interval_is_wilsons_over_validation_problems(tmp_path: Path):
    found = final_accuracy(read_arms([cell_at(tmp_path, "default", 1e-3, 0.5)])[0])
    low, high = stats.binomtest(128, 256).proportion_ci(method="wilson")
    assert found is not None
    assert (found.value, found.n) == (0.5, 256)
    assert (found.low, found.high) == pytest.approx((low, high))


def test_seeds_are_averaged_and_do_not_narrow_the_interval(tmp_path: Path):
    cells = [cell_at(tmp_path, "default", 1e-3, 0.4, 1), cell_at(tmp_path, "default", 1e-3, 0.6, 2)]
    found = final_accuracy(read_arms(cells)[0])
    assert found is not None
    assert found.value == pytest.approx(0.5)
    assert (found.seeds, found.n) == (2, 256)


def test_a_cell_that_did_not_validate_has_no_number(tmp_path: Path):
    arm = read_arms([cell_at(tmp_path, "default", 1e-3, None)])[0]
    assert final_accuracy(arm) is None
    write([arm.folders[0].path], PUBLISHED, tmp_path / "out")
    assert pd.read_csv(tmp_path / "out" / "tuning.csv")["value"].isna().all()
