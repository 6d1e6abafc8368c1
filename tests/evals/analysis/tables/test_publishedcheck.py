"""The table of the published numbers' own faults: the four impossible cells, the wrong average, every finding."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from contracts.paths import ROOT
from evals.analysis.published.lint import findings
from evals.analysis.published.numbers import load
from evals.analysis.tables.publishedcheck import write

PUBLISHED = ROOT / "results" / "published"


def test_the_faults_of_table_2_are_in_the_table(tmp_path: Path) -> None:
    paths = write([], PUBLISHED, tmp_path)
    assert [path.suffix for path in paths] == [".md", ".csv", ".tex", ".html"]
    table = pd.read_csv(tmp_path / "publishedcheck.csv")
    odd = table[table["finding"] == "no k gives it"]
    assert sorted(odd["printed"]) == [23.39, 52.34, 54.98, 55.26]
    wrong = table[table["finding"] == "is not the mean of the cells"]
    assert wrong[["method", "printed", "recomputed"]].to_numpy().tolist() == [["rlsd", 40.05, 40.966]]
    assert set(table["finding"]) >= {finding.message for finding in findings(load(PUBLISHED))}
    text = (tmp_path / "publishedcheck.md").read_text()
    assert "**40.97**" in text
    assert text.count("<sub>no\u00a0k</sub>") == 4
