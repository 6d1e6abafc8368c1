"""The table of credit quality and Figures 4 and 5: numbers by hand, what is absent, and responses that stay text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contracts.errors import DataError
from contracts.paths import ROOT
from evals.analysis.cells import read_arms, trained
from evals.analysis.credit_quality import correlation, estimate, quality
from evals.analysis.figures import credit as creditfigures
from evals.analysis.figures.heat_map_picture import colour, printable
from evals.analysis.figures.heat_map_rollouts import heat_map
from evals.analysis.tables import credit
from tests.helpers.analysis_cells import write_cell, write_grid
from tests.helpers.credit_cells import write_credit

PUBLISHED = ROOT / "results" / "published"
METHODS = ("base", "grpo", "sdpo", "rlsd", "cepo")
ATTACK = "<script>alert(1)</script>$x^"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("cells")
    found = [*write_grid(root, METHODS), *(write_cell(root, "my_method", seed=seed) for seed in (1, 2))]
    for cell in found:
        method = cell.parts[-4]
        if method != "base":
            write_credit(cell, method, seed=int(cell.name[1:]), extra=ATTACK)
    return [*found, write_cell(root, "unscored")]  # the last one's experiment did not ask for credit


@pytest.fixture(scope="module")
def table(cells: list[Path], tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("tables")
    credit.write(cells, PUBLISHED, folder)
    return pd.read_csv(folder / "credit.csv")


def test_every_method_has_its_row_and_uniform_credit_no_ranking(table: pd.DataFrame):
    assert {"GRPO", "SDPO", "RLSD", "CEPO", "my_method"} <= set(table["row"])
    assert "unscored" not in set(table["row"])
    ranked = set(table[table["quantity"] == "credit: auroc"]["row"])
    assert ranked == {"SDPO", "RLSD", "CEPO"}
    rates = table[(table["quantity"] == "credit: slip_rate") & (table["row"].isin(["GRPO", "my_method"]))]
    assert rates["value"].tolist() == pytest.approx([1.0] * len(rates))
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()


def test_correlation_leaves_out_divergences_and_needs_four_arms(table: pd.DataFrame):
    found = table[table["quantity"] == "correlation of slip_rate with accuracy gained"]
    assert found["row"].tolist() == ["4 arms"]  # small: GRPO, RLSD, CEPO, my_method; large has three
    assert not (table["quantity"] == "correlation of auroc with accuracy gained").any()


def test_correlation_by_hand():
    found = correlation([(0.0, 0.1), (1.0, 0.3), (2.0, 0.2), (3.0, 0.4)])
    assert found is not None
    assert found.value == pytest.approx(0.8)
    assert found.low < 0 < found.value < found.high  # Fisher: tanh(1.0986 -+ 1.96)
    assert found.high == pytest.approx(np.tanh(np.arctanh(0.8) + 1.959964))
    assert correlation([(0.0, 0.1), (1.0, 0.3), (2.0, 0.2)]) is None
    assert correlation([(1.0, 0.1), (1.0, 0.3), (1.0, 0.2), (1.0, 0.4)]) is None


def test_estimates_by_hand():
    one = estimate([[0.4, 0.6, 0.5]])
    assert one is not None
    assert (one.value, one.steps) == (pytest.approx(0.5), 3)
    assert one.high == pytest.approx(0.5 + 4.302653 * 0.1 / 3**0.5)
    two = estimate([[0.4, 0.6], [0.8]])  # seeds weigh the same, whatever their steps
    assert two is not None
    assert two.value == pytest.approx(0.65)
    assert (two.low, two.high) == pytest.approx((0.0, 0.65 + 12.7062 * 0.15), abs=1e-4)
    assert estimate([[], []]) is None
    single = estimate([[0.7]])
    assert single is not None
    assert (single.value, single.low, single.high) == (0.7, None, None)


def test_only_steps_at_which_weights_differ_count(cells: list[Path]):
    (arm,) = [arm for arm in read_arms(cells) if (arm.method, arm.scale) == ("cepo", "small")]
    assert quality(arm)["slip_rate"].steps <= 3  # lam is 0 in the other half


def test_heat_map_lays_methods_over_the_same_responses(cells: list[Path]):
    found = heat_map([arm for arm in trained(read_arms(cells)) if arm.scale == "small"])
    assert found is not None
    assert [one.sample.correct for one in found.shown] == [True, False] * 3
    for one in found.shown:
        assert list(one.weights) == ["GRPO", "RLSD", "CEPO", "my_method"]
        assert {len(by) for by in one.weights.values()} == {len(one.sample.tokens)}
        assert one.weights["GRPO"] == [1.0] * len(one.sample.tokens)
        assert one.sample.correct or any(one.sample.slipped)
    assert found.reach == pytest.approx(0.25, abs=0.01)


def test_other_responses_are_left_out_and_named(tmp_path: Path):
    cells = write_grid(tmp_path, ("grpo", "cepo"))
    for number, cell in enumerate(cells):
        write_credit(cell, cell.parts[-4], seed=1 + number % 2)
    found = heat_map([arm for arm in trained(read_arms(cells)) if arm.scale == "small"])
    assert found is not None
    assert found.left_out == ["CEPO"]


def test_figures_are_drawn_alike_and_responses_stay_text(tmp_path: Path):
    few = [write_cell(tmp_path / "cells", method) for method in ("grpo", "cepo")]
    for cell in few:
        write_credit(cell, cell.parts[-4], extra=ATTACK, problems=1)  # every token is drawn by itself, and twice
    first, second = (creditfigures.write(few, PUBLISHED, tmp_path / name) for name in ("a", "b"))
    assert [p.name for p in first] == ["figure4.svg", "figure4.png", "figure5.svg", "figure5.png", "figure5.html"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    page = first[-1].read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_cells_of_an_engine_that_keeps_no_rollouts(tmp_path: Path):
    cells = write_grid(tmp_path / "cells", ("base", "grpo", "cepo"))
    for cell in cells:
        if "base" not in cell.parts:
            write_credit(cell, "grpo", steps=0)
    assert credit.write(cells, PUBLISHED, tmp_path / "tables")
    assert creditfigures.write(cells, PUBLISHED, tmp_path / "figures")
    assert "&ndash;" not in (tmp_path / "tables" / "credit.md").read_text()


def test_a_broken_line_is_named(tmp_path: Path):
    cell = write_cell(tmp_path, "grpo")
    write_credit(cell, "grpo")
    (cell / "credit.jsonl").write_text('{"step": 0}')
    with pytest.raises(DataError, match=r"credit\.jsonl:1: step"):
        credit.write([cell], PUBLISHED, tmp_path / "tables")


@pytest.mark.parametrize(("rows", "cause"), [([0, 0, 1], "step 1 is there more than once"), ([1], "step 1 is missing")])
def test_a_log_with_a_step_twice_or_lost_is_refused(tmp_path: Path, rows: list[int], cause: str):
    cell = write_cell(tmp_path, "grpo")
    write_credit(cell, "grpo", steps=2)
    lines = (cell / "credit.jsonl").read_text().splitlines(keepends=True)
    (cell / "credit.jsonl").write_text("".join(lines[row] for row in rows))
    with pytest.raises(DataError, match=rf"credit\.jsonl: {cause}"):
        credit.write([cell], PUBLISHED, tmp_path / "tables")


def test_colours_and_text_of_tokens():
    assert colour(1.0, 0.25) == "#ffffff"
    assert colour(2.0, 0.25) == colour(1.25, 0.25) != colour(0.75, 0.25)
    assert printable("a\n\x1b[0m\u202e") == "a\u23ce\ufffd[0m\ufffd"
