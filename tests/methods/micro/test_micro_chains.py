"""Chains: what is right, what slips, and that a written chain can be read back."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from methods.micro.canvas import Canvas
from methods.micro.demonstration import Style, chain, close, merge
from methods.micro.families.training import TRAINING
from methods.micro.items import FAMILIES
from methods.micro.parse import parse
from methods.micro.phrases import CONNECTIVES, OPENINGS, REMARKS, WORDINGS, PhraseChoice, wording
from methods.micro.place_rules import HALF_REST, SUM, TWICE_SUM
from methods.micro.solution_plan import (
    KINDS,
    LARGEST,
    Line,
    Plan,
    Slip,
    answer,
    calculate,
    draw_slip,
    run,
    scramble,
    slips,
)

PAIRS = ("The number of equal pairs is", "Count the equal pairs")
RECTANGLE = TWICE_SUM.plan(PAIRS, 12, 23)  # twice the sum of 12 and 23, place by place
SIDES = TWICE_SUM.plan(PAIRS, 12, 21)
WRITTEN = "The number of equal pairs is 2.\n1+2=3.\n3*2=6.\n2+1=3.\n3*2=6.\n\\boxed{66}"
ALL = [*TRAINING.values(), *(family for families in FAMILIES.values() for family in families.values())]


def test_a_right_chain_by_hand():
    lines = [Line(1, "+", 2, 3), Line(3, "*", 2, 6), Line(2, "+", 1, 3), Line(3, "*", 2, 6)]
    assert run(SIDES) == (2, lines)
    assert answer(SIDES) == 66
    assert close(chain(SIDES, None), "66", "boxed").text == WRITTEN


def test_a_chain_whose_number_needs_two_digits_is_out_of_range():
    assert run(RECTANGLE) is None  # (2 + 3) * 2 = 10
    with pytest.raises(ValueError, match="leaves the range"):
        answer(RECTANGLE)


@pytest.mark.parametrize(
    ("slip", "end"),
    [
        (Slip("fact", -1, 3), 99),  # three times 3 in both places
        (Slip("read", 0, 1), 46),  # (1 + 1) * 2 in the first place
        (Slip("read", 2, 1, "left"), 64),
        (Slip("operate", 3, "+"), 65),  # 3 + 2 in the last place
        (Slip("calculate", 0, 4), 86),
    ],
)
def test_a_chain_goes_on_consistently_after_a_slip(slip: Slip, end: int):
    assert answer(SIDES, slip) == end


@pytest.mark.parametrize(
    ("left", "op", "right", "value"),
    [(3, "-", 5, None), (3, "-", 3, None), (7, "/", 2, None), (8, "/", 2, 4), (4, "*", 3, None), (4, "+", 5, 9)],
)
def test_only_digits_from_one_on_count(left, op, right, value):
    assert calculate(left, op, right) == value


def test_numbers_of_a_rule_by_hand():
    assert HALF_REST.fact == 2
    assert HALF_REST.count == 2
    assert [(s.op) for s in HALF_REST.plan(PAIRS, 84, 11).steps] == ["/", "-", "/", "-"]
    assert answer(HALF_REST.plan(PAIRS, 84, 11)) == 31
    assert SUM.fact is None
    assert answer(SUM.plan(PAIRS, 342, 215)) == 557


def drawn(number: int, seed: int) -> Plan:
    """A plan of the training or a benchmark's family ``number``; WeMath poses several, of which this is one."""
    family, rng = ALL[number], Random(seed)  # noqa: S311
    posed = family.pose(Canvas(rng), *family.numbers(rng))
    return posed[1] if isinstance(posed[1], Plan) else rng.choice(posed)[1]


FAMILY = st.integers(0, len(ALL) - 1)
SEED = st.integers(0, 10**6)


@given(FAMILY, SEED)
def test_chains_have_one_to_six_calculations_of_single_digits(number: int, seed: int):
    done = run(drawn(number, seed))
    assert done is not None
    assert 1 <= len(done[1]) <= 6
    assert all(1 <= value <= LARGEST for line in done[1] for value in (line.left, line.right, line.result))


@given(FAMILY, SEED)
def test_every_slip_changes_the_answer_and_nothing_before_it(number: int, seed: int):
    plan = drawn(number, seed)
    right = run(plan)
    for kind in KINDS:
        for slip in slips(plan, kind):
            wrong = run(plan, slip)
            assert wrong is not None and right is not None
            assert answer(plan, slip) != answer(plan)
            assert len(str(answer(plan, slip))) == len(str(answer(plan)))
            assert wrong[1][: max(slip.step, 0)] == right[1][: max(slip.step, 0)] or slip.kind == "fact"


@given(FAMILY, SEED, st.sampled_from(["boxed", "tags"]), st.booleans())
def test_what_is_written_is_read_back_with_the_same_flags(number: int, seed: int, style: Style, slipping: bool):
    plan, rng = drawn(number, seed), Random(seed)  # noqa: S311
    slip = draw_slip(plan, rng) if slipping else None
    demonstration = close(chain(plan, slip, rng), str(answer(plan, slip)), style)
    read = parse(plan, demonstration.text)
    assert read is not None
    assert "".join(p.text for p in read) == demonstration.text
    every = [(i, i + 1) for i in range(len(demonstration.text))]
    assert merge(read, every) == merge(demonstration.pieces, every)
    assert any(p.slipped for p in read) == (slip is not None)


def test_a_wrong_result_is_the_last_of_its_place():
    assert {slip.step for slip in slips(SIDES, "calculate")} == {1, 3} == set(SIDES.ends)


def test_scrambled_results_are_what_the_answer_says():
    wrong = scramble(SIDES, Random(0))  # noqa: S311
    assert [slip.step for slip in wrong] == [1, 3]
    assert str(answer(SIDES, wrong)) == "".join(str(slip.wrong) for slip in wrong)


def test_flags_by_hand():
    text = "Well. Count the equal pairs 2.\nSo 1+2=4.\n4*2=8.\nThen 2+1=3.\n3*2=6, as wanted.\n\\boxed{86}"
    pieces = parse(SIDES, text)
    assert pieces is not None
    assert [p.text for p in pieces if p.slipped] == ["4"]
    decisive = "".join(p.text for p in pieces if p.decisive)
    assert decisive == "21+24*82+13*686"


def test_a_final_answer_that_is_not_made_of_the_results_is_a_slip():
    pieces = parse(SIDES, WRITTEN.replace("{66}", "{67}"))
    assert pieces is not None
    assert [p.text for p in pieces if p.slipped] == ["67"]


@pytest.mark.parametrize(
    "text", ["", "\\boxed{3}", "1+2.\n\\boxed{3}", "Count the equal pairs 2.\n1+2=3", "So. So 1+2=3", "x" * 5000]
)
def test_text_outside_the_grammar_is_not_parsed(text: str):
    assert parse(SIDES, text) is None


def test_flags_reach_the_tokens_that_hold_the_characters():
    demonstration = close(chain(SIDES, Slip("read", 0, 1)), "46", "boxed")
    at = demonstration.text.index("1+1") + 2
    decisive, slipped = merge(demonstration.pieces, [(0, 3), (at - 1, at), (at, at + 1), (at + 1, at + 2)])
    assert decisive == [False, True, True, False]
    assert slipped == [False, False, True, False]


CHOICES = [OPENINGS, CONNECTIVES, REMARKS, wording(("a", "b")), wording(("a", "b", "c"))]


@pytest.mark.parametrize("choice", CHOICES)
def test_phrases_are_drawn_at_their_base_rates(choice: PhraseChoice):
    assert len(choice.texts) == len(choice.weights)
    rng, count = Random(0), 4000  # noqa: S311
    found = [choice.draw(rng) for _ in range(count)]
    for text, weight in zip(choice.texts, choice.weights, strict=True):
        assert abs(found.count(text) / count - weight / sum(choice.weights)) < 0.03
    assert choice.draw(None) == choice.texts[0] and choice.weights[0] == max(choice.weights)
    assert 0.5 < choice.entropy < 1.5


def test_phrases_and_wordings_hold_no_digit_and_no_line_break():
    texts = [text for choice in CHOICES for text in choice.texts]
    for number in range(len(ALL)):
        wordings = drawn(number, 0).wordings
        assert 2 <= len(wordings) <= len(WORDINGS)
        texts += wordings
    assert not any(char.isdigit() or char == "\n" for text in texts for char in text)
