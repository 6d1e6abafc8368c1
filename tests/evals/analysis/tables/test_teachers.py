"""What teachers know, and what methods gain from it: the table and the figure of the experiment ``teachers``."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest

from contracts.errors import DataError
from contracts.paths import ROOT
from evals.analysis.base_teachers import TeacherKnowledge, gains
from evals.analysis.cells import read_arms
from evals.analysis.figures.teacher_knowledge import draw_gains
from evals.analysis.published.numbers import load
from evals.analysis.tables.teachers import write
from tests.helpers.base_checks import write_teachers

PUBLISHED = ROOT / "results" / "published"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_teachers(tmp_path_factory.mktemp("teachers"), seeds=(1, 2))


def test_a_teacher_is_that_of_the_arms_place_and_the_average_of_its_seeds(cells: list[Path]):
    arms = {(arm.method, arm.scale): TeacherKnowledge(arm) for arm in read_arms(cells)}
    assert arms["cepo", "small_half"].place == "inline"
    assert arms["opsd", "small_half"].place == "user_turn"
    # seeds 1 and 2 have 1.5 and 2.5 nats inline, 0.5 more in the user turn; AUROC is 0.5 and a tenth of the nats
    assert arms["cepo", "small_half"].slips == pytest.approx(2.0)
    assert arms["opsd", "small_half"].slips == pytest.approx(2.5)
    assert arms["opsd", "small_half"].auroc == pytest.approx(0.75)
    assert arms["cepo", "small"].accuracy == pytest.approx(0.265)


def test_the_table_has_a_section_for_each_base_with_knowledge_and_gain(cells: list[Path], tmp_path: Path):
    written = {path.suffix[1:]: path.read_text() for path in write(cells, PUBLISHED, tmp_path)}
    assert written.keys() == {"md", "csv", "tex", "html"}
    frame = pd.read_csv(io.StringIO(written["csv"]))
    known = frame[frame["quantity"] == "evidence on slips"].set_index(["scale", "method"])["value"]
    assert known["small_none", "cepo"] == pytest.approx(0.6)
    gained = frame[(frame["quantity"] == "difference to grpo") & (frame["benchmark"] == "average")]
    oracle = gained[gained["method"] == "oracle"]
    assert set(oracle["scale"]) == {"small_none", "small_half", "small"}
    assert (oracle["value"] > 0).all()  # intervals of two seeds are wide
    assert "grpo" not in set(gained["method"])
    (line,) = [line for line in written["md"].splitlines() if line.startswith("| CEPO") and "2.00" in line]
    assert "0.70" in line
    assert "26.5 % of rollouts right before training" in written["md"]


def test_the_figure_has_a_line_for_each_method_that_is_compared_and_a_point_for_each_base(cells: list[Path]):
    (ax,) = draw_gains(gains(cells, load(PUBLISHED))).axes
    lines = dict(zip((one.get_label() for one in ax.containers), ax.containers, strict=True))
    assert lines.keys() == {"OPSD", "CEPO", "oracle"}
    across, up = lines["CEPO"][0].get_data()
    assert list(across) == pytest.approx([0.6, 2.0, 4.5], abs=0.05)
    assert len(up) == 3 and up[2] > up[0]


def test_what_is_missing_is_named(tmp_path: Path):
    cells = write_teachers(tmp_path)
    (tmp_path / "models/small/s1/check.json").unlink()
    with pytest.raises(DataError, match=r"small/s1/check\.json"):
        write(cells, PUBLISHED, tmp_path / "tables")
    others = [cell for cell in cells if "grpo/small_none" not in str(cell)]
    with pytest.raises(DataError, match="no grpo at scale small_none"):
        write(others, PUBLISHED, tmp_path / "tables")
