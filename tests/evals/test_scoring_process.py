"""The confined process that scores: its limit, its restarts, and what it hands back. Scorers here are stand-ins."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator

import pytest

from evals.scoring_process import ScorerFailed, ScoringProcess

ROW = {"id": "1", "image": object()}


def score(row: dict, responses: list[str]) -> dict:
    """Does what the response says."""
    word, _, rest = responses[0].partition(" ")
    if word == "loop":
        while True:
            pass
    if word == "sleep":
        time.sleep(float(rest))
    if word == "raise" or row["id"] == "broken":
        raise KeyError(rest)
    if word == "exit":
        raise SystemExit
    if word == "remove":
        os.remove(rest)  # noqa: PTH107
    return {"row": row, "said": word, "drawn": random.getrandbits(32) if word == "draw" else None}


def second(benchmark: str, row: dict, response: str) -> bool:
    while response == "slow to read again":
        pass
    return response == "right"


@pytest.fixture
def process() -> Iterator[ScoringProcess]:
    process = ScoringProcess({"other": score}, second, seconds=0.2)
    yield process
    process.close()


def said(process: ScoringProcess, response: str) -> object:
    result = process.score("other", ROW, [response]).result
    return None if result is None else result["said"]


def test_the_second_reading_has_a_limit_of_its_own(process: ScoringProcess):
    assert [process.score("other", ROW, [word]).second for word in ("right", "wrong")] == [True, False]
    scored = process.score("other", ROW, ["slow to read again"])
    assert (scored.result["said"], scored.second) == ("slow", None)
    assert process.score("other", ROW, ["right"]).second is True


def test_it_scores_without_the_images(process: ScoringProcess):
    assert process.score("other", ROW, ["hello"]).result == {"row": {"id": "1"}, "said": "hello", "drawn": None}


def test_processor_time_is_limited_and_time_on_the_wall_is_not(process: ScoringProcess):
    assert said(process, "loop") is None
    assert said(process, "sleep 0.4") == "sleep"


def test_a_killed_process_is_started_again(process: ScoringProcess):
    assert said(process, "a") == "a"
    os.kill(process._copy.pid, signal.SIGKILL)
    assert said(process, "b") == "b"


@pytest.mark.parametrize("response", ["exit", "remove /nowhere"])
def test_what_ends_the_process_scores_nothing(process: ScoringProcess, response: str):
    assert said(process, response) is None
    assert said(process, "next") == "next"


def test_an_exception_that_the_row_provokes_is_told(process: ScoringProcess):
    with pytest.raises(ScorerFailed, match="KeyError: 'x'"):
        process.score("other", {"id": "broken"}, ["any x"])


def test_an_exception_that_an_answer_provokes_scores_nothing(process: ScoringProcess):
    scored = process.score("other", ROW, ["raise x"])
    assert (scored.result, scored.second) == (None, False)
    assert said(process, "next") == "next"


def test_numbers_drawn_at_random_go_on_where_an_ended_process_stopped(process: ScoringProcess):
    random.seed(0)
    expected = [random.getrandbits(32) for _ in range(2)]
    random.seed(0)
    drawn = [process.score("other", ROW, ["draw"]).result["drawn"]]
    said(process, "loop")
    drawn.append(process.score("other", ROW, ["draw"]).result["drawn"])
    assert drawn == expected
