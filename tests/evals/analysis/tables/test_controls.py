"""The table of controls: which arms make a pair, and what is said of pairs that were not run."""

import io
import json
from pathlib import Path
from statistics import mean, stdev

import pandas as pd
import pytest
from scipy import stats

from contracts.errors import DataError
from contracts.paths import ROOT
from evals.analysis.cells import read_arms
from evals.analysis.pairs import Topic, against_defaults, controls
from evals.analysis.tables import audit
from evals.analysis.tables.controls import write
from tests.helpers.analysis_cells import MICRO, write_cell, write_experiment

PUBLISHED = ROOT / "results" / "published"


def pairs(found: list[Topic]) -> dict[str, tuple[str | None, str | None]]:
    """Names of arm and partner by the pair's name."""
    return {
        pair.name: (pair.arm.name if pair.arm else None, pair.partner.name if pair.partner else None)
        for topic in found
        for pair in topic.pairs
    }


def texts(paths: list[Path]) -> dict[str, str]:
    return {path.suffix[1:]: path.read_text() for path in paths}


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_experiment(tmp_path_factory.mktemp("controls"), "controls")


def test_the_experiment_answers_every_question(cells: list[Path]) -> None:
    found = pairs(controls(read_arms(cells)))
    assert len(found) == 6 + 4 + 4 + 3 + 2 + 2 + 4 + 3
    assert found["Oracle \u2212 GRPO"] == ("oracle", "GRPO")
    assert all(arm and partner for arm, partner in found.values())
    assert found["CEPO at 0.0002 \u2212 GRPO at 0.0002"] == ("CEPO (lr_fifth)", "GRPO (lr_fifth)")
    assert found["CEPO at 0.001 \u2212 RLSD at 0.0002"] == ("CEPO", "RLSD (lr_fifth)")
    assert found["CEPO at 0.005 \u2212 GRPO at 0.001"] == ("CEPO (lr_x5)", "GRPO")
    assert found["RLSD shown a blank \u2212 GRPO"] == ("RLSD (without_answer)", "GRPO")
    assert found["CEPO, evidence shuffled in each response \u2212 CEPO"] == ("CEPO (shuffled)", "CEPO")
    assert found["SDPO, blind teacher \u2212 SDPO"] == ("SDPO (text_only)", "SDPO")


def test_pairs_follow_the_rates_not_the_names(tmp_path: Path) -> None:
    papers = {"cepo": 5e-6, "grpo": 1e-6, "rlsd": 1e-6}
    cells = [write_cell(tmp_path, method, changed={"lr": rate}) for method, rate in papers.items()]
    cells.append(write_cell(tmp_path, "grpo", variant="fast", changed={"lr": 5e-6}))
    found = pairs(controls(read_arms(cells)))
    assert found["CEPO at 5e-06 \u2212 GRPO at 5e-06"] == ("CEPO", "GRPO (fast)")
    assert found["CEPO at 5e-06 \u2212 RLSD at 5e-06"] == ("CEPO", None)
    assert found["CEPO at 5e-06 \u2212 GRPO at 1e-06"] == ("CEPO", "GRPO")


def test_an_unknown_arm_is_compared_with_its_methods_default(tmp_path: Path) -> None:
    cells = [write_cell(tmp_path, "cepo"), write_cell(tmp_path, "cepo", variant="mine", changed={"eps_w": 0.9})]
    found = pairs(controls(read_arms(cells)))
    assert found["CEPO (mine) \u2212 CEPO"] == ("CEPO (mine)", "CEPO")


def test_partner_and_difference_agree_with_the_samples(cells: list[Path], tmp_path: Path) -> None:
    files = texts(write(cells, PUBLISHED, tmp_path))
    average = {
        cell.parts[-4] + "/" + cell.parts[-2]: pd.read_parquet(cell / "eval" / "samples.parquet")
        .groupby("benchmark")["correct"].mean().mean()
        for cell in cells
    }  # fmt: skip
    ours, theirs = average["cepo/shuffled"], average["cepo/default"]
    row = next(line for line in files["md"].splitlines() if line.startswith("| CEPO, evidence shuffled"))
    arm, partner, difference = (cell.strip().split("<br>")[0].strip("*") for cell in row.split("|")[2:5])
    assert (arm, partner) == (f"{100 * ours:.1f}", f"{100 * theirs:.1f}")
    assert float(difference.replace("\u2212", "-")) == pytest.approx(100 * (ours - theirs), abs=0.051)
    table = pd.read_csv(io.StringIO(files["csv"]))
    line = table.query("variant == 'shuffled' and quantity == 'difference to partner' and benchmark == 'average'")
    assert line["value"].iloc[0] == pytest.approx(100 * (ours - theirs), abs=1e-3)


def test_held_out_problems_are_compared_after_the_last_step_seed_by_seed(tmp_path: Path) -> None:
    skill = {"grpo": 0.45, "cepo": 0.55}
    cells = [
        write_cell(tmp_path / "cells", method, seed=seed, skill=skill[method], changed=MICRO)
        for method in skill
        for seed in (1, 2, 3)
    ]
    last = {(c.parts[-4], c.name): json.loads((c / "train.jsonl").read_text().splitlines()[-1]) for c in cells}
    gains = [100 * (last["cepo", s]["val_accuracy"] - last["grpo", s]["val_accuracy"]) for s in ("s1", "s2", "s3")]
    half = stats.t.ppf(0.975, 2) * stdev(gains) / 3**0.5
    files = texts(write(cells, PUBLISHED, tmp_path))
    table = pd.read_csv(io.StringIO(files["csv"]))
    found = table.query("benchmark == 'held-out problems' and method == 'cepo'").iloc[0]
    wanted = (mean(gains), mean(gains) - half, mean(gains) + half)
    assert (found["value"], found["low"], found["high"]) == pytest.approx(wanted, abs=1e-4)
    row = next(text for text in files["md"].splitlines() if text.startswith("| CEPO at 0.001 \u2212 GRPO at 0.001"))
    assert row.split("|")[5].strip().strip("*").startswith(f"+{mean(gains):.1f}")


def test_one_seed_has_no_column_of_held_out_problems(cells: list[Path], tmp_path: Path) -> None:
    files = texts(write(cells, PUBLISHED, tmp_path))
    assert "eld-out" not in files["md"] and "held-out" not in files["csv"]


def test_pairs_nobody_ran_say_so(tmp_path: Path) -> None:
    skip = ("shuffled", "lr_x5", "text_only")
    files = texts(write(write_experiment(tmp_path / "cells", "controls", skip=skip), PUBLISHED, tmp_path))
    lines = {line.split("|")[1].strip(): line for line in files["md"].splitlines() if line.startswith("| ")}
    assert lines["CEPO, evidence shuffled in each response \u2212 CEPO (not run)"].count("\u2013") >= 3
    assert "CEPO at 0.005 \u2212 GRPO at 0.005" not in lines
    assert "OPSD, blind teacher \u2212 OPSD (not run)" in lines


def test_a_default_that_was_not_run_leaves_a_number_without_partner(tmp_path: Path) -> None:
    cells = [write_cell(tmp_path / "cells", "cepo", changed=MICRO)]
    text = texts(write(cells, PUBLISHED, tmp_path))["md"]
    assert "CEPO at 0.001 \u2212 GRPO at 0.001 (partner not run)" in text


def test_the_audit_names_what_each_arm_changes(tmp_path: Path) -> None:
    cells = write_experiment(tmp_path / "cells", "audit", questions=20)
    found = pairs(against_defaults(read_arms(cells)))
    assert len(found) == len({cell.parent for cell in cells if cell.parent.name != "default"})  # a row for each arm
    assert found["CEPO: lora_alpha 64 (32)"] == ("CEPO (lora_alpha=64)", "CEPO")
    assert found["CEPO: exclude_self true (false)"] == ("CEPO (exclude_self)", "CEPO")
    assert found["RLSD: teacher_weights synced (actor), teacher_sync 4 (25), decay_steps 20 (10)"][1] == "RLSD"
    preset = {name: pair for name, pair in found.items() if name.startswith("CEPO: released (")}
    assert list(preset) == ["CEPO: released (15 options)"]
    assert preset["CEPO: released (15 options)"] == ("CEPO (released)", "CEPO")
    text = texts(audit.write(cells, PUBLISHED, tmp_path))["md"]
    assert "small: GRPO, default changed in" in text


def test_the_audit_needs_an_arm_that_changes_something(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="all are defaults"):
        audit.write([write_cell(tmp_path / "cells", "cepo")], PUBLISHED, tmp_path)
