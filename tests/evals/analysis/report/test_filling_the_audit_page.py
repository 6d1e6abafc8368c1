"""What arms do, written behind their names on the audit page."""

from pathlib import Path

import pytest

from evals.analysis.report.audit_page import effects, fill
from evals.statistics.intervals import Estimate
from tests.helpers.analysis_cells import write_cell

LINE = "| 7 | LoRA alpha | `audit: grpo/lora_alpha=64`, `audit: cepo/lora_alpha=64` |\n"
FOUND = {"grpo/lora_alpha=64": Estimate(-0.012, -0.034, 0.01, 1, 1000)}
FILLED = LINE.replace("grpo/lora_alpha=64`", "grpo/lora_alpha=64` \u22121.2 [\u22123.4, +1.0]")


def test_a_number_stands_behind_the_arm_it_belongs_to_and_no_other():
    assert fill(LINE, FOUND) == FILLED


def test_filling_again_replaces_numbers_and_removes_those_of_arms_without_cells():
    assert fill(FILLED, FOUND) == FILLED
    assert fill(FILLED, {}) == LINE


def test_arms_are_compared_with_the_default_of_their_method(tmp_path: Path):
    cells = [
        write_cell(tmp_path, "grpo", skill=0.5, questions=300),
        write_cell(tmp_path, "grpo", variant="lora_alpha=64", skill=0.2, questions=300),
        write_cell(tmp_path, "cepo", variant="lora_alpha=64"),
        write_cell(tmp_path, "grpo", scale="large", variant="one_update"),
    ]
    found = effects(cells)
    assert set(found) == {"grpo/lora_alpha=64"}
    assert found["grpo/lora_alpha=64"].high < 0
    assert found["grpo/lora_alpha=64"].value == pytest.approx(-0.3, abs=0.1)
