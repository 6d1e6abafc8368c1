"""Table 2 from cells written by a random generator: every format, the paper beside it, and cells that do not fit."""

import io
import re
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from contracts.errors import DataError
from contracts.paths import ROOT
from evals.analysis.tables.table2 import write
from tests.helpers.analysis_cells import write_cell, write_grid

PUBLISHED = ROOT / "results" / "published"


def texts(cells: list[Path], out: Path) -> dict[str, str]:
    """The four files by suffix."""
    return {path.suffix[1:]: path.read_text() for path in write(cells, PUBLISHED, out)}


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("grid")
    return texts(write_grid(root / "cells"), root / "tables")


def tidy(files: dict[str, str]) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(files["csv"]))


def test_csv_holds_every_number(grid: dict[str, str]) -> None:
    table = tidy(grid)
    ours = table[table["world"] == "micro"]
    assert len(ours[ours["quantity"] == "accuracy"]) == 12 * 6
    assert len(ours[ours["quantity"] == "difference to base"]) == 10 * 6
    assert len(ours[ours["quantity"] == "difference to grpo"]) == 8 * 6
    assert ours.loc[ours["quantity"] == "accuracy", ["value", "low", "high", "questions"]].notna().all().all()
    assert not table.duplicated(["world", "scale", "method", "variant", "benchmark", "quantity"]).any()


def test_csv_agrees_with_the_samples(tmp_path: Path) -> None:
    cell = write_cell(tmp_path / "cells", "grpo")
    samples = pd.read_parquet(cell / "eval" / "samples.parquet")
    table = tidy(texts([cell], tmp_path)).set_index(["world", "benchmark", "quantity"])["value"]
    by_name = samples.groupby("benchmark")
    assert table["micro", "micro-WeMath", "accuracy"] == pytest.approx(
        100 * by_name["correct"].mean()["wemath"], abs=1e-4
    )
    unparsed = 100 * (1 - by_name["parsed"].mean()["mmmu"])
    assert table["micro", "micro-MMMU", "unparsed"] == pytest.approx(unparsed, abs=1e-4)
    assert table["micro", "average", "accuracy"] == pytest.approx(100 * by_name["correct"].mean().mean(), abs=1e-4)


def test_stand_ins_never_carry_the_name_alone(grid: dict[str, str]) -> None:
    ours = tidy(grid).query("world == 'micro'")
    assert all(name.startswith("micro-") or name == "average" for name in ours["benchmark"])
    heading = next(line for line in grid["md"].splitlines() if line.startswith("| Method"))
    cells = [cell.strip() for cell in heading.split("|")[2:-1]]
    assert cells[:6] == [
        *(f"micro-{name}" for name in ("DynaMath", "LogicVista", "MathVision", "MMMU", "WeMath")),
        "Average",
    ]
    assert cells[6:] == ["paper<br>Average"]
    assert "ours do not reproduce them" in grid["md"]


def test_caption_states_what_a_reader_needs(grid: dict[str, str]) -> None:
    for text in (grid["md"], grid["html"], grid["tex"].replace("\\", "")):
        for fact in (
            "micro-DynaMath 60", "micro-qwen3vl-0.6M", "questions only", "seed 1", "top-k 40", "presence penalty 2",
            "2026-11-23", "0123456789", "torch 2.14.1", "arXiv:2605.19436", "k/304",
        ):  # fmt: skip
            assert fact in text, fact


def test_paper_stands_beside_with_its_average_recomputed(grid: dict[str, str]) -> None:
    ours, paper, *_ = [line for line in grid["md"].splitlines() if line.startswith("| RLSD")]
    assert ours.split("|")[-2].strip() == paper.split("|")[-2].strip() == "*40.05 (40.97)*<sup>a</sup>"
    ours, paper, *_ = [line for line in grid["md"].splitlines() if line.startswith("| OPSD")]
    assert paper.count("*?*") == 5
    assert ours.split("|")[-2].strip() == "*34.96*"


def test_bold_exactly_where_the_interval_excludes_zero(grid: dict[str, str]) -> None:
    changes = tidy(grid).query("quantity.str.startswith('difference')", engine="python")
    clear = ((changes["low"] > 0) | (changes["high"] < 0)).sum()
    assert 0 < clear < len(changes)
    assert len(re.findall(r"\*\*[+\u2212]", grid["md"])) == clear
    assert grid["html"].count("<b>") == clear
    assert grid["tex"].count(r"\textbf{") == clear
    assert f"({clear} of {len(changes)};" in grid["md"]


def test_any_method_file_appears_after_the_papers(tmp_path: Path) -> None:
    cells = [write_cell(tmp_path / "cells", name) for name in ("my_method", "cepo", "base", "grpo")]
    cells.append(write_cell(tmp_path / "cells", "cepo", variant="eps_w=0.2"))
    files = texts(cells, tmp_path)
    names = [line.split("|")[1].strip() for line in files["md"].splitlines() if line.startswith("| ")]
    assert names[names.index("Base") :][:5] == ["Base", "GRPO", "CEPO", "CEPO (eps_w=0.2)", "my_method"]
    assert "my_method" in files["html"]
    assert r"my\_method" in files["tex"]
    assert "my_method" in files["csv"]


def test_same_cells_same_bytes_in_any_order_of_methods(tmp_path: Path) -> None:
    cells = write_grid(tmp_path / "cells", ("base", "grpo", "cepo"))
    assert texts(cells, tmp_path / "a") == texts([*cells[2::-1], *cells[:2:-1]], tmp_path / "b")


def test_adding_a_method_moves_no_other_number(tmp_path: Path) -> None:
    cells = write_grid(tmp_path / "cells", ("base", "grpo", "cepo"))
    before = tidy(texts(cells, tmp_path / "a"))
    after = tidy(texts([*cells, write_cell(tmp_path / "cells", "extra")], tmp_path / "b"))
    pd.testing.assert_frame_equal(after[after["method"] != "extra"].reset_index(drop=True), before)


def test_three_seeds_are_pooled_and_said(tmp_path: Path) -> None:
    cells = [write_cell(tmp_path / "cells", "grpo", seed=seed) for seed in (1, 2, 3)]
    cells.append(write_cell(tmp_path / "cells", "base"))
    files = texts(cells, tmp_path)
    assert "seeds and questions" in files["md"]
    assert "seeds 1, 2 and 3" in files["md"]
    grpo = tidy(files).query("method == 'grpo' and world == 'micro' and quantity == 'accuracy'")
    assert set(grpo["seeds"]) == {"1 2 3"}


def test_average_of_fewer_benchmarks_is_absent(tmp_path: Path) -> None:
    cells = [
        write_cell(tmp_path / "cells", "grpo"),
        write_cell(tmp_path / "cells", "cepo", benchmarks=("mmmu", "wemath")),
    ]
    table = tidy(texts(cells, tmp_path)).query("world == 'micro' and method == 'cepo'")
    assert set(table["benchmark"]) == {"micro-MMMU", "micro-WeMath"}


def test_paper_world_shows_the_paper_only_beside_whole_benchmarks(tmp_path: Path) -> None:
    cell = write_cell(tmp_path / "cells", "cepo", world="paper")
    files = texts([cell], tmp_path)
    rows = [line for line in files["md"].splitlines() if line.startswith("| CEPO")]
    assert rows
    assert not any("51.44" in row or "43.43" in row for row in rows)
    assert "DynaMath (60 of 5010 questions)" in files["md"]
    assert "micro" not in files["md"].replace("micro-qwen3vl", "")


def test_paper_world_with_whole_benchmarks(tmp_path: Path) -> None:
    cell = write_cell(tmp_path / "cells", "cepo", world="paper", benchmarks=("mathvision",), questions=304)
    ours, paper = [line for line in texts([cell], tmp_path)["md"].splitlines() if line.startswith("| CEPO")]
    assert "*25.99*" in paper
    assert "43.43" not in ours + paper  # the average needs all five


def test_html_is_whole_and_safe(tmp_path: Path) -> None:
    text = texts([write_cell(tmp_path / "cells", "<script>alert(1)</script>".replace("/", "_"))], tmp_path)["html"]
    assert "<script" not in text
    assert not re.search(r"""(src|href)=|url\(|@import|https?:""", text)
    for tag in ("table", "tr", "td", "th", "section", "ul", "b", "small"):
        assert len(re.findall(rf"<{tag}[ >]", text)) == text.count(f"</{tag}>")


def test_tex_rows_have_equal_columns(grid: dict[str, str]) -> None:
    text = grid["tex"].replace(r"\&", "")
    rows = [line for line in text.splitlines() if re.search(r"\\\\(\[.*\])?$", line) and "multicolumn" not in line]
    assert {row.count("&") for row in rows if "&" in row} == {12}
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")


def corrupt_scores(cells: list[Path]) -> None:
    path = cells[0] / "eval" / "scores.json"
    path.write_text(re.sub(r'"accuracy":[0-9.]+', '"accuracy":0.123', path.read_text(), count=1))


def other_questions(cells: list[Path]) -> None:
    path = cells[1] / "eval" / "samples.parquet"
    table = pq.read_table(path)
    hashes = ["0" * 64, *table["question_hash"].to_pylist()[1:]]
    index = table.schema.get_field_index("question_hash")
    pq.write_table(table.set_column(index, table.schema.field(index), [hashes]), path)


def rows_taken(path: Path, rows: list[int]) -> None:
    pq.write_table(pq.read_table(path).take(rows), path)


def lost_answers(cells: list[Path]) -> None:
    path = cells[0] / "eval" / "samples.parquet"
    rows_taken(path, list(range(pq.read_metadata(path).num_rows - 1)))


def an_answer_twice(cells: list[Path]) -> None:
    path = cells[0] / "eval" / "samples.parquet"
    rows_taken(path, [1, *range(1, pq.read_metadata(path).num_rows)])


def cut_parquet(cells: list[Path]) -> None:
    path = cells[0] / "eval" / "samples.parquet"
    path.write_bytes(path.read_bytes()[:1000])


def no_cell_json(cells: list[Path]) -> None:
    (cells[0] / "cell.json").unlink()


def wrong_type(cells: list[Path]) -> None:
    path = cells[0] / "cell.json"
    path.write_text(path.read_text().replace('"seed":1', '"seed":"one"'))


def no_run(cells: list[Path]) -> None:
    (cells[1] / "run.json").unlink()


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (corrupt_scores, "scores.json: dynamath"),
        (other_questions, "was not asked the same questions"),
        (cut_parquet, "not a readable parquet"),
        (lost_answers, r"samples.parquet: holds \d+ answers of wemath, scores.json counted \d+"),
        (an_answer_twice, "samples.parquet: holds a question twice"),
        (no_cell_json, "cell.json: cannot be read"),
        (wrong_type, "cell.json: seed"),
        (no_run, "run.json: cannot be read"),
    ],
)
def test_a_damaged_cell_is_named(tmp_path: Path, damage, cause: str) -> None:
    cells = [write_cell(tmp_path / "cells", name) for name in ("base", "grpo")]
    damage(cells)
    with pytest.raises(DataError, match=cause) as caught:
        write(cells, PUBLISHED, tmp_path / "tables")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "tables").exists()


def test_cells_of_two_worlds_are_refused(tmp_path: Path) -> None:
    cells = [write_cell(tmp_path / world, "grpo", world=world) for world in ("micro", "paper")]
    with pytest.raises(DataError, match="several worlds"):
        write(cells, PUBLISHED, tmp_path)


def test_no_cells_and_no_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none given"):
        write([], PUBLISHED, tmp_path)
    (tmp_path / "tables").write_text("a file where a folder must be")
    with pytest.raises(DataError, match="cannot be written"):
        write([write_cell(tmp_path / "cells", "grpo")], PUBLISHED, tmp_path / "tables")
