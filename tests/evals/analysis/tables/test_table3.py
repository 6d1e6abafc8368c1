"""Table 3: seconds by phase, time over GRPO and its interval, the paper's hours."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.errors import DataError
from contracts.paths import ROOT
from contracts.records import PreparedCost, Run, TrainingStep
from evals.analysis.cells import read_arms
from evals.analysis.tables.table3 import write
from evals.analysis.timing import timing
from evals.statistics.ratios import ratio_of_means
from tests.helpers.analysis_cells import stop_at, write_cell, write_grid

PUBLISHED = ROOT / "results" / "published"


def texts(paths: list[Path]) -> dict[str, str]:
    return {path.suffix[1:]: path.read_text() for path in paths}


def rewrite(cell: Path, seconds: dict[int, dict[str, float]], tokens: int = 1000) -> None:
    """Give a cell the first steps, with these seconds."""
    stop_at(cell, len(seconds))
    log = cell / "train.jsonl"
    steps = [TrainingStep.model_validate_json(line) for line in log.read_text().splitlines()]
    kept = [s.model_copy(update={"seconds": seconds[s.step], "tokens": tokens}) for s in steps if s.step in seconds]
    log.write_text("\n".join(step.model_dump_json() for step in kept) + "\n")


def test_ratio_by_hand() -> None:
    found = ratio_of_means(np.array([2.0, 4.0]), np.array([1.0, 1.0]), np.zeros(2, dtype=int), np.zeros(2, dtype=int))
    assert found.value == 3.0
    assert found.low is not None and found.high is not None
    assert (found.low + found.high) / 2 == pytest.approx(3.0)
    assert found.high - found.value == pytest.approx(
        12.706, rel=1e-4
    )  # t of 1 degree of freedom times sd 1.414 / sqrt(2)


def test_one_pair_has_no_interval() -> None:
    found = ratio_of_means(np.array([2.0]), np.array([1.0]), np.zeros(1, dtype=int), np.zeros(1, dtype=int))
    assert (found.value, found.low, found.high) == (2.0, None, None)


def test_what_lies_between_kinds_of_steps_is_no_noise() -> None:
    ours, theirs = np.array([2.0, 2.0, 1.0, 1.0]), np.ones(4)
    found = ratio_of_means(ours, theirs, np.array([0, 0, 1, 1]), np.zeros(4, dtype=int))
    assert (found.value, found.low, found.high) == (1.5, 1.5, 1.5)


def test_runs_are_what_is_repeated() -> None:
    """By hand: runs with ratios 2 and 4, so residuals of -2 and 2 in sum over 4 pairs; t of 1 degree of freedom."""
    ours, theirs, kinds = np.array([2.0, 2.0, 4.0, 4.0]), np.ones(4), np.array([0, 1, 0, 1])
    found = ratio_of_means(ours, theirs, kinds, np.array([0, 0, 1, 1]))
    assert found.high is not None and found.value == 3.0
    assert found.high - found.value == pytest.approx(12.706 * (8 * 2) ** 0.5 / 4, rel=1e-4)


def test_intervals_over_runs_cover_what_a_busy_machine_does() -> None:
    rng, inside = np.random.default_rng(0), 0
    runs = np.repeat(np.arange(3), 50)
    for _ in range(1000):
        ours, theirs = (rng.normal(1.0, 0.1, 150) * rng.normal(1.0, 0.15, 3)[runs] for _ in range(2))
        found = ratio_of_means(ours * 1.2, theirs, 0 * runs, runs)
        assert found.low is not None and found.high is not None
        inside += found.low <= 1.2 <= found.high
    assert 925 <= inside <= 985


def test_intervals_cover_the_true_ratio() -> None:
    rng, inside = np.random.default_rng(0), 0
    kinds = np.repeat([0, 1], 25)
    for _ in range(1000):
        theirs = rng.normal(1.0, 0.1, 50)
        found = ratio_of_means(
            theirs + rng.normal(0, 0.1, 50) + np.where(kinds == 0, 0.4, 0.0), theirs, kinds, 0 * kinds
        )
        assert found.low is not None and found.high is not None
        inside += found.low <= 1.2 <= found.high
    assert 925 <= inside <= 975


def test_timing_by_hand(tmp_path: Path) -> None:
    grpo, cepo = (write_cell(tmp_path, name) for name in ("grpo", "cepo"))
    rewrite(grpo, {1: {"rollout": 1.0, "update": 1.0}, 2: {"rollout": 1.0, "update": 3.0}}, tokens=1000)
    rewrite(cepo, {1: {"rollout": 1.0, "teacher": 2.0, "update": 1.0}, 2: {"rollout": 2.0, "update": 3.0}}, tokens=500)
    ours, theirs = (next(arm for arm in read_arms([grpo, cepo]) if arm.method == name) for name in ("cepo", "grpo"))
    found = timing(ours, theirs)
    assert found.phases == {"rollout": 1.5, "teacher": 1.0, "update": 2.0}
    assert found.step == 4.5
    assert found.over["all steps"].value == pytest.approx(9 / 6)
    assert found.over["teachers asked"].value == pytest.approx(4 / 2)
    assert found.over["per token"].value == pytest.approx(2 * 9 / 6)
    assert found.over["teachers asked"].low is None  # one step only
    assert timing(theirs, theirs).over == {}


def test_what_was_prepared_counts_in_every_step_and_in_the_run(tmp_path: Path) -> None:
    grpo, prm = (write_cell(tmp_path, name) for name in ("grpo", "prm"))
    for cell in (grpo, prm):
        rewrite(cell, {1: {"rollout": 2.0}, 2: {"rollout": 2.0}})
    cost = PreparedCost(kind="step_scorer", digest="d", seconds=8.0, tokens=100, networks=1)
    run = Run.model_validate_json((prm / "run.json").read_text())
    (prm / "run.json").write_text(run.model_copy(update={"prepared": cost}).model_dump_json())
    ours, theirs = (next(arm for arm in read_arms([grpo, prm]) if arm.method == name) for name in ("prm", "grpo"))
    found = timing(ours, theirs)
    assert found.phases == {"rollout": 2.0, "prepare": 4.0}
    assert found.over["all steps"].value == pytest.approx(12 / 4)
    assert found.minutes == pytest.approx((sum(run.seconds.values()) + 8) / 60)
    text = texts(write([grpo, prm], PUBLISHED, tmp_path / "out"))["md"]
    assert "what was spent before on a model that the method needs" in text


def test_the_paper_stands_beside_its_scale_as_another_world(tmp_path: Path) -> None:
    cells = write_grid(tmp_path / "cells", ("base", "grpo", "opsd", "cepo"))
    files = texts(write(cells, PUBLISHED, tmp_path))
    lines = files["md"].splitlines()
    assert sum("The paper (another world)" in line for line in lines) == 1  # at the smaller scale
    assert sum(line.startswith("| CEPO | *6:34* | *1.101* |") for line in lines) == 1
    assert sum(line.startswith("| OPSD | *?* |") for line in lines) == 1
    assert sum(line.startswith("| SDPO (not run) | *6:14* |") for line in lines) == 1
    assert "other hardware, model and engine" in files["md"]
    assert "Base" not in files["md"]


def test_a_method_nobody_ran_has_no_number(tmp_path: Path) -> None:
    files = texts(write(write_grid(tmp_path / "cells", ("grpo",)), PUBLISHED, tmp_path))
    table = pd.read_csv(io.StringIO(files["csv"]))
    assert set(table.query("world == 'micro'")["method"]) == {"grpo"}
    row = next(line for line in files["md"].splitlines() if line.startswith("| RLSD (not run)"))
    assert set(row.replace("| RLSD (not run) ", "").strip("| ").split(" | ")) == {"\u2013"}


def test_csv_agrees_with_the_logs(tmp_path: Path) -> None:
    cells = [write_cell(tmp_path / "cells", name, seed=seed) for name in ("grpo", "cepo") for seed in (1, 2)]
    table = pd.read_csv(io.StringIO(texts(write(cells, PUBLISHED, tmp_path))["csv"]))
    logs = {
        name: [TrainingStep.model_validate_json(line) for cell in cells if name in str(cell)
               for line in (cell / "train.jsonl").read_text().splitlines()]
        for name in ("grpo", "cepo")
    }  # fmt: skip
    total = {name: np.mean([sum(step.seconds.values()) for step in steps]) for name, steps in logs.items()}
    by = table.query("world == 'micro' and method == 'cepo'").set_index("quantity")
    assert by["value"]["time per step: all"] == pytest.approx(total["cepo"], abs=1e-4)
    assert by["value"]["time over GRPO's: all steps"] == pytest.approx(total["cepo"] / total["grpo"], abs=1e-4)
    assert by["low"]["time over GRPO's: all steps"] < total["cepo"] / total["grpo"]
    assert not table.duplicated(["world", "scale", "row", "quantity"]).any()


def test_resumed_cells_are_named(tmp_path: Path) -> None:
    cell = write_cell(tmp_path / "cells", "grpo")
    run = cell / "run.json"
    run.write_text(run.read_text().replace('"resumed_at":[]', '"resumed_at":[20]'))
    text = texts(write([cell], PUBLISHED, tmp_path))["md"]
    assert "Resumed after an interruption" in text
    assert "grpo/small/default/s1" in text


def test_only_the_base_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="only the untrained base"):
        write([write_cell(tmp_path, "base")], PUBLISHED, tmp_path / "out")
