"""The paper's numbers: typed as printed, and checked against themselves."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import DataError
from contracts.paths import ROOT
from evals.analysis.published.lint import attainable, findings
from evals.analysis.published.numbers import Published, load
from evals.benchmarks import BENCHMARKS

FOLDER = ROOT / "results" / "published"


@pytest.fixture(scope="module")
def published() -> Published:
    return load(FOLDER)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for path in FOLDER.glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text())
    return tmp_path


def test_every_method_and_scale_has_a_row_with_a_source(published: Published) -> None:
    rows = {(row.scale, row.method) for row in published.table2.rows}
    assert rows == {(s, m) for s in ("small", "large") for m in ("base", "grpo", "opsd", "sdpo", "rlsd", "cepo")}
    assert all(published.table2.sources[row.source].where for row in published.table2.rows)


def test_unknown_cells_are_absent_and_never_zero(published: Published) -> None:
    values = [value for row in published.table2.rows for value in row.cells.values()]
    assert values.count(None) == 20  # OPSD and SDPO at two scales
    assert 0 not in values
    assert published.figure3.value("lambda constant", 1.0) is None


def test_paper_gains_follow_from_the_rows(published: Published) -> None:
    small, base = (published.table2.row("small", method) for method in ("cepo", "base"))
    assert small and base and small.recomputed and base.recomputed
    assert small.recomputed - base.recomputed == pytest.approx(3.70, abs=0.01)


def test_rows_are_found_by_the_models_name_too(published: Published) -> None:
    row = published.table2.row("4b", "cepo", "Qwen3-VL-4B-Instruct")
    assert row is not None
    assert row.average == 60.56
    assert published.table2.row("4b", "cepo") is None


@pytest.mark.parametrize(
    ("percent", "items", "expected"),
    [
        (50.08, 5010, True),
        (32.81, 448, True),
        (23.39, 304, False),
        (52.34, 900, False),
        (55.26, 1740, False),
        (0, 7, True),
    ],
)
def test_attainable_by_hand(percent: float, items: int, expected: bool) -> None:
    assert attainable(percent, items) is expected


@given(st.integers(1, 6000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_every_count_of_right_answers_is_attainable(pair: tuple[int, int]) -> None:
    right, items = pair
    assert attainable(round(100 * right / items, 2), items)


def test_findings_are_the_known_ones(published: Published) -> None:
    found = findings(published)
    assert {finding.cell for finding in found if finding.cell} == {
        ("small", "rlsd", "average"),
        ("small", "rlsd", "mathvision"),
        ("small", "rlsd", "wemath"),
        ("large", "grpo", "logicvista"),
        ("large", "grpo", "mmmu"),
    }
    text = " ".join(finding.message for finding in found)
    for fact in (
        "36 of 40",
        "40.05",
        "40.97",
        "57.43 is below",
        "+2.26 over GRPO",
        "33.8 to 36.5",
        "CEPO 1.101",
        "42.74",
        "GRPO +2.8, RLSD +3.3 and CEPO +2.9",
        "5e-06 for CEPO and 1e-06 for GRPO",
        "50 % of DynaMath's, 4 % of LogicVista's, 3 % of MathVision's, 9 % of MMMU's and 17 % of WeMath's would be",
        "RLSD takes 17 minutes longer than GRPO",
        "CEPO 36 for two",
        "at most 1.25 points, 1.1 standard errors",
    ):
        assert fact in text


def test_a_corrected_average_is_no_finding(copy: Path) -> None:
    path = copy / "table2.yaml"
    path.write_text(path.read_text().replace("average: 40.05", "average: 40.97"))
    assert ("small", "rlsd", "average") not in {finding.cell for finding in findings(load(copy))}


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ("average: 39.73", "average: 139.73", "less than or equal to 100"),
        ("dynamath: 50.08", "dynamaht: 50.08", "not the five benchmarks"),
        (
            "scale: small, method: base, source: readme",
            "scale: small, method: base, source: redame",
            "no source named redame",
        ),
        ("average: 39.73", "average: 39.73, avreage: 1", "Extra inputs"),
        ("rows:", "rows: [", "cannot be read"),
    ],
)
def test_a_broken_file_is_named_with_the_cause(copy: Path, old: str, new: str, cause: str) -> None:
    path = copy / "table2.yaml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DataError, match=cause) as caught:
        load(copy)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "figure1.yaml").unlink()
    with pytest.raises(DataError, match=r"figure1\.yaml"):
        load(copy)


def test_files_hold_nothing_the_models_do_not_read(published: Published) -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} >= set(Published.model_fields)
    assert all(
        list(row["cells"]) == list(BENCHMARKS) for row in yaml.safe_load((FOLDER / "table2.yaml").read_text())["rows"]
    )
