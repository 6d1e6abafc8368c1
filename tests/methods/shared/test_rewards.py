"""Boxed answers, rewards and grading, hostile answers included."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mathruler.grader import extract_boxed_content, grade_answer

from methods.shared.rewards import Grader, boxed_answer, reward

NUMBER = st.from_regex(r"-?[0-9]{1,9}(\.[0-9]{1,5})?", fullmatch=True)


@pytest.fixture(scope="module")
def grader():
    with Grader(deadline=1.0) as grader:
        yield grader


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{42}.", "42"),
        (r"\boxed{1} then \boxed{ 2 }", "2"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{}", ""),
        (r"\boxed{1} then \boxed{2", None),
        ("no box, 42", None),
        ("", None),
    ],
)
def test_boxed_answer_by_hand(text, answer):
    assert boxed_answer(text) == answer


@given(st.text(alphabet="\\boxed{} 12", max_size=40))
def test_boxed_answer_agrees_with_mathruler(text):
    theirs = extract_boxed_content(text)
    assert boxed_answer(text) == (None if theirs == "None" else theirs)


@pytest.mark.parametrize(
    ("correct", "boxed", "binary", "mixed"), [(True, True, 1.0, 1.0), (False, True, 0.0, 0.1), (False, False, 0.0, 0.0)]
)
def test_rewards_by_hand(correct, boxed, binary, mixed):
    assert reward(correct, boxed, "binary") == binary
    assert reward(correct, boxed, "accuracy_format") == mixed


@pytest.mark.parametrize(
    ("answer", "truth", "right"),
    [
        ("42", "42", True),
        ("42.0", "42", True),
        ("41", "42", False),
        (None, "42", False),
        ("None", "42", False),
        (r"\frac{1}{2}", "0.5", True),
        ("1 / 2", r"\frac{1}{2}", True),  # the space is deleted before grading
        ("2/4", r"\frac{1}{2}", False),  # unreduced
        (r"2\sqrt{3}", r"\sqrt{12}", True),
        ("45^\\circ", "45", True),
        ("12 cm", "12", True),
        ("(1,2)", "(1, 2)", True),
        ("(2,1)", "(1, 2)", False),
        ("x=5", "5", True),
    ],
)
def test_grading_by_hand(grader, answer, truth, right):
    assert grader.grade([answer], [truth]) == [right]


@settings(deadline=None)
@given(NUMBER, NUMBER)
def test_the_fast_path_for_numbers_agrees_with_mathruler(left, right):
    grader = Grader()
    for truth in (left, right, f"{left}0" if "." in left else f"{left}.0"):
        assert grader.grade([left], [truth]) == [grade_answer(left, truth)]
    assert grader._worker is None  # no process was needed


def spent() -> float:
    """Seconds of processor time of the workers that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_hostile_answers_end_in_time_and_are_counted(grader):
    hostile = ["10**10**10", "2**(2**(2**40))", "99999999!", "sqrt(" * 300 + "2" + ")" * 300, "9" * 1_000_000]
    before = spent()
    verdicts = grader.grade([*hostile, "42", r"\frac{84}{2}"], ["5.5"] * len(hostile) + ["42", "42.5"])
    assert verdicts == [None] * len(hostile) + [True, False]
    assert spent() - before < 20


@pytest.mark.parametrize(
    "answer",
    ["\ud800", "\x00", "{" * 900, "(" * 900, "\\frac" * 150, "1e999", "nan", "__import__('os').getcwd()", "^" * 99],
)
def test_odd_answers_are_wrong_not_fatal(grader, answer):
    assert grader.grade([answer], ["5.5"]) in ([False], [None])


def copy_of(grader) -> int:
    """Process id of the worker's copy, which reads the answers."""
    return int(Path(f"/proc/{grader._worker.pid}/task/{grader._worker.pid}/children").read_text())


@pytest.mark.parametrize("who", ["worker", "copy"])
def test_a_killed_worker_starts_again_and_no_answer_gets_the_verdict_of_another(who):
    with Grader(deadline=1.0) as grader:
        assert grader.grade(["1/2"], ["0.5"]) == [True]
        worker = grader._worker
        os.kill(worker.pid if who == "worker" else copy_of(grader), signal.SIGKILL)
        if who == "worker":
            worker.wait()
        assert grader.grade(["3/4", "3/5", "5/8"], ["0.75"] * 3) == [True, False, False]
        assert grader.grade(["7/8", "5/4", "7/4"], ["0.75", "1.25", "1.75"]) == [False, True, True]


@pytest.mark.parametrize("who", ["worker", "copy"])
def test_a_worker_killed_over_an_answer_is_asked_again(who):
    with Grader(deadline=1.0) as grader:
        grader.grade(["1/2"], ["0.5"])
        copy = copy_of(grader)
        os.kill(copy, signal.SIGSTOP)  # the question waits in its input when it dies
        killer = threading.Timer(0.2, os.kill, (grader._worker.pid if who == "worker" else copy, signal.SIGKILL))
        killer.start()
        assert grader.grade(["5/4"], ["1.25"]) == [True]
        killer.join()
        assert grader.grade(["3/5", "3/4"], ["0.75", "0.75"]) == [False, True]


def test_an_answer_that_ends_its_reader_leaves_the_worker_running(grader):
    assert grader.grade(["84/2"], ["42"]) == [False]
    worker, copy = grader._worker.pid, copy_of(grader)
    assert grader.grade(["99999999!"], ["5.5"]) == [None]
    assert grader.grade(["1/2"], ["0.50"]) == [True]
    assert (grader._worker.pid, copy_of(grader) != copy) == (worker, True)


NESTED = (r"\sqrt{5+2\sqrt{6}}", r"\sqrt{2}+\sqrt{3}")  # a tenth of a second of processor time or more


def test_time_on_the_wall_decides_no_reward():
    with Grader(deadline=1.5) as grader:
        grader.grade(["1/2"], ["0.5"])
        pause = threading.Thread(target=_pause, args=(copy_of(grader),))
        started = time.monotonic()
        pause.start()
        verdicts = grader.grade([NESTED[0]], [NESTED[1]])
        pause.join()
    assert verdicts == [True]
    assert time.monotonic() - started > 1.5


def _pause(pid: int) -> None:
    """Stop the process, which has just begun to read an answer, for longer than the answer may take."""
    time.sleep(0.03)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(1.6)
    os.kill(pid, signal.SIGCONT)


def test_a_missing_verdict_is_not_remembered_and_is_asked_for_once_a_call():
    with Grader(deadline=0.02) as grader:
        assert grader.grade([NESTED[0]] * 2, [NESTED[1]] * 2) == [None, None]
        assert grader._compare.cache_info().misses == 1
        grader.deadline = 20.0
        grader.close()  # the next worker has the new deadline
        assert grader.grade([NESTED[0]] * 2, [NESTED[1]] * 2) == [True, True]


def test_a_worker_does_not_outlive_its_parent():
    code = """
import os
from methods.shared.rewards import Grader
grader = Grader()
from tests.methods.shared.test_rewards import copy_of
grader.grade(["1/2"], ["0.5"])
print(grader._worker.pid, copy_of(grader), flush=True)
os._exit(1)
"""
    pids = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split()
    assert len(pids) == 2
    deadline = time.monotonic() + 10
    while running := [pid for pid in map(int, pids) if _running(pid)]:
        assert time.monotonic() < deadline, f"still running: {running}"
        time.sleep(0.05)


def _running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("answer", "truth", "mathruler", "math_verify"),
    [
        ("42.0", "42", True, True),
        ("2/4", r"\frac{1}{2}", False, True),
        (r"\sqrt{16}", "4", False, True),
        (r"\frac{6}{2}", "3", False, True),
        ("10^{3}", "1000", False, True),
        ("5", "4", False, False),
        (None, "4", False, False),
    ],
)
def test_the_graders_by_hand(grader, answer, truth, mathruler, math_verify):
    assert grader.grade([answer], [truth]) == [mathruler]
    assert grader.grade([answer], [truth], "math_verify") == [math_verify]
    assert grader.grade([answer], [truth], "either") == [mathruler or math_verify]
    assert grader.changed([answer], [truth], [mathruler], "mathruler") == [mathruler != math_verify]
    assert grader.changed([answer], [truth], [math_verify], "math_verify") == [mathruler != math_verify]


def test_units_that_differ_are_one_of_the_four_wrong_answers_that_mathruler_takes(grader):
    assert grader.grade([r"12\text{ m}", "3 hours"], [r"12\text{ cm}", "3 minutes"]) == [True, True]
