"""Records hold numbers, and logs hold every step once."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from contracts.errors import TrainError
from contracts.reading import wrong_steps
from contracts.records import BenchScore, TrainingStep
from methods.engines.shared.step_lines import read_steps, step_line, steps_before, write_steps
from tests.helpers.analysis_cells import step


@pytest.mark.parametrize(
    ("numbers", "last", "wrong"),
    [
        ([1, 2, 3], 3, ""),
        ([2, 3, 1], 3, ""),
        ([1, 3], 3, "step 2 is missing"),
        ([*range(1, 41)], 50, "step 41 and 9 more, up to 50, are missing"),
        ([1, 2, 2, 3], 3, "step 2 is there more than once"),
        ([1, 2, 3, 4], 3, "step 4 is beyond the last, 3"),
        ([], 2, "step 1 and 1 more, up to 2, are missing"),
    ],
)
def test_steps_of_a_log(numbers: list[int], last: int, wrong: str):
    assert wrong_steps(numbers, last) == wrong


@pytest.mark.parametrize("number", [math.nan, math.inf])
@pytest.mark.parametrize("field", ["entropy", "loss", "seconds.rollout", "evidence.mean_positive"])
def test_a_number_that_is_none_is_refused_where_it_arises(number: float, field: str):
    fields = step(1, 0.4, 1).model_dump()
    name, _, part = field.partition(".")
    fields[name] = {**(fields[name] or {}), part: number} if part else number
    with pytest.raises(TrainError, match=f"step 1: {field} is {number}; lower"):
        step_line("step 1", fields)


def test_scores_hold_numbers():
    with pytest.raises(ValidationError):
        BenchScore(accuracy=math.nan, n=1, low=0, high=1, unparsed_rate=0, truncated_rate=0, metric="acc")


def test_a_run_goes_on_only_from_all_lines_before(tmp_path):
    path = tmp_path / "state" / "progress.jsonl"
    records = [step(number, 0.4, 1) for number in range(1, 6)]
    with pytest.raises(TrainError, match=r"progress.jsonl: step 1 and 3 more, up to 4, are missing.*delete .*state"):
        steps_before(path, 4)
    write_steps(path, records)
    assert steps_before(path, 4) == records[:4] and read_steps(path) == records
    write_steps(path, [*records[:2], *records[1:]])
    with pytest.raises(TrainError, match="step 4 is missing"):
        steps_before(path, 4)


def test_reading_back_gives_what_was_written():
    record = step(3, 0.4, 1)
    assert TrainingStep.model_validate_json(record.model_dump_json()) == record
