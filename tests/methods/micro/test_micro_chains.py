"""Chains: what is right, what slips, and that a written chain can be read back."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from methods.micro.canvas import Canvas
from methods.micro.demonstration import Style, chain, close, merge
from methods.micro.families.training import TRAINING
from methods.micro.parse import parse
from methods.micro.solution_plan import (
    FACT,
    KINDS,
    Line,
    Plan,
    Ref,
    Slip,
    Step,
    answer,
    calculate,
    draw_slip,
    run,
    slips,
)

TRIANGLE = Plan("The angles of a triangle add to", 180, (Step(FACT, "-", 47), Step(Ref(0), "-", 52)))


def test_a_right_chain_by_hand():
    assert run(TRIANGLE) == (180, [Line(180, "-", 47, 133), Line(133, "-", 52, 81)])


@pytest.mark.parametrize(
    ("slip", "end"),
    [
        (Slip("fact", -1, 360), 261),  # 360 - 47 - 52
        (Slip("read", 0, 57), 71),  # 180 - 57 - 52
        (Slip("operate", 1, "+"), 185),  # 133 + 52
        (Slip("calculate", 0, 143), 91),  # 143 - 52
    ],
)
def test_a_chain_goes_on_consistently_after_a_slip(slip: Slip, end: int):
    assert answer(TRIANGLE, slip) == end


@pytest.mark.parametrize(
    ("left", "op", "right", "value"), [(3, "-", 5, None), (7, "/", 2, None), (8, "/", 2, 4), (40, "*", 30, None)]
)
def test_only_whole_numbers_of_three_digits_count(left, op, right, value):
    assert calculate(left, op, right) == value


def drawn(name: str, seed: int) -> Plan:
    rng = Random(seed)  # noqa: S311
    return TRAINING[name].pose(Canvas(rng), *TRAINING[name].numbers(rng))[1]


@given(st.sampled_from(sorted(TRAINING)), st.integers(0, 10**6))
def test_every_slip_changes_the_answer_and_nothing_before_it(name: str, seed: int):
    plan = drawn(name, seed)
    right = run(plan)
    for kind in KINDS:
        for slip in slips(plan, kind):
            wrong = run(plan, slip)
            assert wrong is not None and right is not None
            assert answer(plan, slip) != answer(plan)
            assert wrong[1][: max(slip.step, 0)] == right[1][: max(slip.step, 0)] or slip.kind == "fact"


@given(st.sampled_from(sorted(TRAINING)), st.integers(0, 10**6), st.sampled_from(["boxed", "tags"]), st.booleans())
def test_what_is_written_is_read_back_with_the_same_flags(name: str, seed: int, style: Style, slipping: bool):
    plan = drawn(name, seed)
    slip = draw_slip(plan, Random(seed)) if slipping else None  # noqa: S311
    demonstration = close(chain(plan, slip), str(answer(plan, slip)), style)
    read = parse(plan, demonstration.text)
    assert read is not None
    assert "".join(p.text for p in read) == demonstration.text
    every = [(i, i + 1) for i in range(len(demonstration.text))]
    assert merge(read, every) == merge(demonstration.pieces, every)
    assert any(p.slipped for p in read) == (slip is not None)


def test_flags_by_hand():
    text = "The angles of a triangle add to 180.\n180-47=143.\n143-52=91.\n\\boxed{91}"
    pieces = parse(TRIANGLE, text)
    assert pieces is not None
    assert [p.text for p in pieces if p.slipped] == ["143"]
    assert [p.text for p in pieces if p.decisive] == ["180", "-", "47", "143", "-", "52", "91", "91"]


def test_a_final_answer_that_is_not_the_last_result_is_a_slip():
    pieces = parse(TRIANGLE, "The angles of a triangle add to 180.\n180-47=133.\n133-52=81.\n\\boxed{18}")
    assert pieces is not None
    assert [p.text for p in pieces if p.slipped] == ["18"]


@pytest.mark.parametrize(
    "text", ["", "\\boxed{3}", "180-47.\n\\boxed{3}", "The angles add to 180.\n180-47=133", "x" * 5000]
)
def test_text_outside_the_grammar_is_not_parsed(text: str):
    assert parse(TRIANGLE, text) is None


def test_flags_reach_the_tokens_that_hold_the_characters():
    demonstration = close(chain(TRIANGLE, Slip("read", 0, 57)), "71", "boxed")
    at = demonstration.text.index("57")
    decisive, slipped = merge(demonstration.pieces, [(0, 3), (at, at + 1), (at + 1, at + 2), (at + 2, at + 3)])
    assert decisive == [False, True, True, False]
    assert slipped == [False, True, True, False]
