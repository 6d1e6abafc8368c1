"""What a table says of the careful second reading: how many answers it changes, and which comparisons."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.paths import ROOT
from evals.analysis.tables import controls
from evals.analysis.tables.table2 import write
from evals.benchmarks import BENCHMARKS
from tests.helpers.analysis_cells import write_cell

PUBLISHED = ROOT / "results" / "published"


def read_again(cell: Path, missed: int = 0) -> Path:
    """Give every answer a second reading like the first, but for ``missed`` right answers of each benchmark."""
    path = cell / "eval" / "samples.parquet"
    table = pq.read_table(path)
    left, careful = dict.fromkeys(BENCHMARKS, missed), []
    for name, right in zip(table["benchmark"].to_pylist(), table["correct"].to_pylist(), strict=True):
        taken = bool(right) and left[name] > 0
        left[name] -= taken
        careful.append(0.0 if taken else right)
    column = table.schema.get_field_index("careful")
    pq.write_table(table.set_column(column, table.schema.field("careful"), pa.array(careful)), path)
    return cell


def caption(cells: list[Path], out: Path) -> str:
    write(cells, PUBLISHED, out)
    return (out / "table2.md").read_text()


def test_comparisons_that_would_change_are_named_in_the_order_of_the_columns(tmp_path: Path) -> None:
    """A set of names would have another order in every process."""
    weak, strong = (write_cell(tmp_path / "cells", name, skill=s) for name, s in (("grpo", 0.3), ("cepo", 0.9)))
    text = caption([read_again(weak), read_again(strong, 45)], tmp_path / "tables")
    assert f"GRPO 0, CEPO {45 * len(BENCHMARKS)} (" in text
    named = re.findall(r"CEPO \u2212 GRPO, ([\w -]+): \+[\d.]+ \[", text)
    heading = next(line for line in text.splitlines() if line.startswith("| Method"))
    assert len(named) > 3
    assert named == sorted(named, key=heading.index)


def test_tables_of_pairs_name_their_comparisons_too(tmp_path: Path) -> None:
    weak = write_cell(tmp_path / "cells", "grpo", skill=0.3)
    shuffled = write_cell(tmp_path / "cells", "cepo", variant="mine", skill=0.9, changed={"eps_w": 0.9})
    strong = write_cell(tmp_path / "cells", "cepo", skill=0.35)
    cells = [read_again(weak), read_again(shuffled, 45), read_again(strong)]
    controls.write(cells, PUBLISHED, tmp_path / "tables")
    text = (tmp_path / "tables" / "controls.md").read_text()
    assert re.search(
        r"would change what these differences say: .*CEPO \(mine\) \u2212 CEPO, Average: \+[\d.]+ \[", text
    )


def test_arms_of_two_scales_are_told_apart(tmp_path: Path) -> None:
    cells = [
        read_again(write_cell(tmp_path / "cells", "grpo", scale), missed)
        for scale, missed in (("small", 2), ("large", 1))
    ]
    text = caption(cells, tmp_path / "tables")
    assert f"small GRPO {2 * len(BENCHMARKS)} (" in text and f"large GRPO {len(BENCHMARKS)} (" in text


@pytest.mark.parametrize("missed", [0, 1])
def test_a_comparison_that_would_not_change_is_not_named(tmp_path: Path, missed: int) -> None:
    weak, strong = (write_cell(tmp_path / "cells", name, skill=s) for name, s in (("grpo", 0.1), ("cepo", 0.9)))
    text = caption([read_again(weak), read_again(strong, missed)], tmp_path / "tables")
    assert "It would change no difference." in text


def test_answers_without_a_second_reading_say_nothing_of_it(tmp_path: Path) -> None:
    assert "second reading" not in caption([write_cell(tmp_path / "cells", "grpo")], tmp_path / "tables")
