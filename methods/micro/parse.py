"""Reads a response back: which of its characters decide the answer, and which of them are wrong.

What a base model writes follows the demonstrations' grammar, so that token-level credit can be scored. Any words
without a digit may stand before the numbers of a line and after its result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from methods.micro.demonstration import Piece
from methods.micro.solution_plan import Operand, Plan, Ref, Step, calculate

_CLOSINGS = r"(\n\\boxed\{)(\d+)(\})|(</think><answer>)(\w+)(</answer>)|(\nThe answer is )(\w+)(\.)"
_LINES = r"(?:\.\n[^\d\n]*?\d+[-+*/]\d+=\d+)*"
_RESPONSE = re.compile(rf"(<think>)?([^\d\n]*?)(?:( )(\d+))?({_LINES})([^\d\n]*\.)(?:{_CLOSINGS})")
_LINE = re.compile(r"(\.\n[^\d\n]*?)(\d+)([-+*/])(\d+)=(\d+)")


def parse(plan: Plan, text: str) -> tuple[Piece, ...] | None:
    """``text`` (without its end-of-turn token) cut into pieces with flags, or None if it leaves the grammar.

    Decisive are the fact's number, numbers read, operators, results and the final answer. Slipped is what is wrong by
    itself: a number that differs from the plan's, another operator, a result that its own line does not give, a final
    answer that is not made of the results. What merely follows from an earlier slip is not slipped.
    """
    match = _RESPONSE.fullmatch(text)
    if match is None:
        return None
    start, sentence, space, fact, lines, end, *closings = match.groups()
    pieces = [Piece(start)] if start else []
    pieces.append(Piece(sentence))
    if fact is not None:
        pieces += [Piece(space), Piece(fact, True, plan.fact is None or int(fact) != plan.fact)]
    known = {} if fact is None else {-1: int(fact)}
    for i, line in enumerate(_LINE.findall(lines)):
        pieces += _calculation(line, plan.steps[i] if i < len(plan.steps) else None, known)
        known[i] = int(line[4])
    before, final, after = [part for part in closings if part is not None]
    results = "".join(str(known[i]) for i in plan.ends if i in known)
    return (*pieces, Piece(end), Piece(before), Piece(final, True, final.isdigit() and final != results), Piece(after))


def _calculation(line: tuple[str, ...], step: Step | None, known: dict[int, int]) -> Iterator[Piece]:
    """The pieces of one line; ``step`` is None for a line the plan does not have, which is judged by itself."""
    words, left, op, right, result = line
    yield Piece(words)
    yield _operand(left, step.left if step else None, known)
    yield Piece(op, True, step is None or op != step.op)
    yield _operand(right, step.right if step else None, known)
    yield Piece("=")
    yield Piece(result, True, calculate(int(left), op, int(right)) != int(result))  # type: ignore[arg-type]


def _operand(written: str, wanted: Operand | None, known: dict[int, int]) -> Piece:
    """A number read off the diagram is decisive; one copied from an earlier line is not, but can be copied wrongly."""
    if wanted is None:
        return Piece(written)
    value = known.get(wanted.step) if isinstance(wanted, Ref) else wanted
    return Piece(written, not isinstance(wanted, Ref), int(written) != value)
