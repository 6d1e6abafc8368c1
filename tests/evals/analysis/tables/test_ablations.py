"""Tables 4 and 5 and the points of Figure 3: arms found by their options, rows nobody ran, the paper beside."""

import io
import re
from pathlib import Path

import pandas as pd
import pytest

from contracts.paths import ROOT
from evals.analysis.cells import read_arms
from evals.analysis.published.numbers import load
from evals.analysis.tables import sweeps, table4, table5
from evals.analysis.tables.ablation import Ablation, place
from evals.analysis.tables.sweeps import CLIP, CONSTANT, LINEAR, SWEEPS
from evals.analysis.tables.table4 import TABLE4
from tests.helpers.analysis_cells import MICRO, write_cell, write_experiment

PUBLISHED = ROOT / "results" / "published"


def texts(paths: list[Path]) -> dict[str, str]:
    """The four files by suffix."""
    return {path.suffix[1:]: path.read_text() for path in paths}


def rows(markdown: str) -> dict[str, list[str]]:
    """Cells of the accuracy table by the row's name."""
    lines = [
        line for line in markdown.split("### Paired")[0].splitlines() if line.startswith("| ") and ":--" not in line
    ]
    return {cells[1].strip(): [cell.strip() for cell in cells[2:-1]] for cells in (line.split("|") for line in lines)}


def tidy(files: dict[str, str]) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(files["csv"]))


def where(ablation: Ablation, cells: list[Path]) -> dict[object, str | None]:
    """Variant at each of the paper's points, None where nothing was run; other arms by name."""
    placed = place(ablation, read_arms(cells), load(PUBLISHED))
    return {key or line.name: line.arm.variant if line.arm else None for key, line in placed}


def test_table_4_finds_the_sources_and_shows_the_default_for_its_equal(tmp_path: Path) -> None:
    cells = write_experiment(tmp_path / "cells", "table4")
    assert where(TABLE4, cells) == {
        ("actor", None): "default",
        ("synced", 1.0): "default",
        ("synced", 5.0): "teacher_sync=5",
        ("synced", 10.0): "teacher_sync=10",
        ("synced", 25.0): "teacher_sync=25",
        ("fixed", None): "teacher=fixed",
    }
    found = rows(texts(table4.write(cells, PUBLISHED, tmp_path))["md"])
    paper = {
        name: cells[-1] for name, cells in found.items() if name in ("copied every 25 steps", "fixed: the base model")
    }
    assert paper == {"copied every 25 steps": "*42.74*", "fixed: the base model": "*42.18*"}
    assert found["actor, before the step's update (default)"][-1] == "*43.43*"
    assert found["copied every 5 steps"][-1] == ""  # the paper has no such row
    assert (
        found["copied every step: the same cells (default)"][:-1]
        == found["actor, before the step's update (default)"][:-1]
    )


def test_table_5_has_the_papers_rows_and_our_length(tmp_path: Path) -> None:
    found = rows(texts(table5.write(write_experiment(tmp_path / "cells", "table5"), PUBLISHED, tmp_path))["md"])
    assert {name: cells[-1] for name, cells in found.items() if name != "r+ / r\u2212"} == {
        "answer / answer (default)": "*43.43*",
        "answer / whole rollout": "*42.74*",
        "whole rollout / whole rollout": "*41.99*",
        "first 24 tokens / first 24": "*40.47*",
        "last 24 tokens / last 24": "*40.60*",
    }


def test_a_row_nobody_ran_says_so_and_is_never_0(tmp_path: Path) -> None:
    cells = write_experiment(tmp_path / "cells", "table5", skip=("feedback=suffix-suffix",))
    files = texts(table5.write(cells, PUBLISHED, tmp_path))
    name = "last k tokens / last k (not run)"
    assert rows(files["md"])[name] == ["\u2013"] * 6 + ["*40.60*"]
    assert name in files["html"] and name in files["tex"]
    (line,) = tidy(files).query("row == @name").to_dict("records")
    assert line["source"] == "not run"
    assert pd.isna(line["value"])


def test_every_row_is_compared_with_the_default(tmp_path: Path) -> None:
    files = texts(table4.write(write_experiment(tmp_path / "cells", "table4"), PUBLISHED, tmp_path))
    changes = tidy(files).query("quantity == 'difference to default'")
    assert set(changes["variant"]) == {"teacher=fixed", "teacher_sync=5", "teacher_sync=10", "teacher_sync=25"}
    accuracy = tidy(files).query("quantity == 'accuracy' and benchmark == 'average' and world == 'micro'")
    by_row = accuracy.set_index("row")["value"]
    gap = changes.query("benchmark == 'average'").set_index("row")["value"]
    assert gap["fixed: the base model"] == pytest.approx(
        by_row["fixed: the base model"] - by_row["actor, before the step's update (default)"], abs=2e-4
    )


def test_without_the_default_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    files = texts(table4.write(write_experiment(tmp_path / "cells", "table4", skip=("default",)), PUBLISHED, tmp_path))
    assert "Difference" not in files["md"].split("### Notes")[0].split("### Accuracy")[1]
    assert "actor, before the step's update (not run)" in files["md"]


def test_an_arm_that_differs_otherwise_is_no_row_of_the_paper(tmp_path: Path) -> None:
    cells = write_experiment(tmp_path / "cells", "table4", skip=("teacher=fixed",))
    cells.append(
        write_cell(tmp_path / "cells", "cepo", variant="both", changed=MICRO | {"teacher_weights": "fixed", "lam": 0.9})
    )
    found = where(TABLE4, cells)
    assert found["fixed", None] is None
    assert found["CEPO (both)"] == "both"


def test_the_papers_numbers_stand_at_its_scale_only(tmp_path: Path) -> None:
    cells = [write_cell(tmp_path / "cells", "cepo", scale, variant="default") for scale in ("small", "large")]
    text = texts(table4.write(cells, PUBLISHED, tmp_path))["md"]
    assert len(re.findall(r"\*43\.43\*", text)) == 1


def test_points_of_figure_3(tmp_path: Path) -> None:
    cells = write_experiment(tmp_path / "cells", "figure3", skip=("eps_w=0.3",))
    assert where(SWEEPS, cells) == {
        **{(CONSTANT, x): f"lam={x:g}" for x in (0.0, 0.25, 0.5, 0.75, 1.0)},
        **{(LINEAR, x): f"decay_steps={x:g}" for x in (10.0, 25.0, 50.0)},
        **{(CLIP, x): f"eps_w={x}" for x in (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)},
        (CLIP, 0.3): None,
        (CLIP, 0.5): "default",
        "GRPO": "default",
    }
    found = rows(texts(sweeps.write(cells, PUBLISHED, tmp_path))["md"])
    assert found["lambda 0.5, constant"][-1] == "*41.40*"
    assert found["lambda 1, constant"][-1] == "*?*"  # the paper calls it worse and gives no number
    assert found["lambda from 1 to 0 over 25 steps"][-1] == "*41.25*"
    assert found["eps_w 0.5 (default)"][-1] == "*42.70*"
    assert found["eps_w 0.3 (not run)"][:-1] == ["\u2013"] * 6


def test_a_point_the_paper_does_not_have_joins_its_series(tmp_path: Path) -> None:
    cells = [
        write_cell(tmp_path / "cells", "cepo"),
        write_cell(tmp_path / "cells", "cepo", variant="v", changed={"eps_w": 0.7}),
    ]
    assert where(SWEEPS, cells)[CLIP, 0.7] == "v"


def test_same_cells_same_bytes(tmp_path: Path) -> None:
    cells = write_experiment(tmp_path / "cells", "table5", seeds=(1, 2))
    first, second = (
        table5.write(order, PUBLISHED, tmp_path / name) for name, order in (("a", cells), ("b", cells[::-1]))
    )
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_csv_lines_are_unique(tmp_path: Path) -> None:
    for table in (table4, sweeps):
        name = "figure3" if table is sweeps else "table4"
        found = tidy(texts(table.write(write_experiment(tmp_path / name, name), PUBLISHED, tmp_path)))
        assert not found.duplicated(["world", "scale", "row", "benchmark", "quantity"]).any()
