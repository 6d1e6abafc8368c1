"""Written solutions, right and wrong, that know which characters decide the answer and where a slip happened."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from methods.micro.phrases import CONNECTIVES, OPENINGS, REMARKS, wording
from methods.micro.solution_plan import Plan, Ref, Slips, run, slip_at

Style = Literal["boxed", "tags", "letter"]  # \boxed{7}; <think>..</think><answer>7</answer>; The answer is B.

CLOSINGS: dict[Style, tuple[str, str]] = {  # what stands before and after the final answer
    "boxed": ("\n\\boxed{", "}"),
    "tags": ("</think><answer>", "</answer>"),
    "letter": ("\nThe answer is ", "."),
}


@dataclass(frozen=True)
class Piece:
    """A stretch of response text."""

    text: str
    decisive: bool = False  # carries the problem's own content: a fact's number, a number read, an operator, a result
    slipped: bool = False  # is what the wrong step wrote


@dataclass(frozen=True)
class Demonstration:
    """One response and the final answer it ends in."""

    pieces: tuple[Piece, ...]
    final: str

    @property
    def text(self) -> str:
        """The response as the model would write it."""
        return "".join(piece.text for piece in self.pieces)


def chain(plan: Plan, slip: Slips, rng: Random | None = None) -> list[Piece]:
    """The fact and the calculations, one a line, without the final answer.

    ``rng`` draws the phrases between them; without it each is the commonest one.
    """
    done = run(plan, slip)
    if done is None:
        raise ValueError(f"{plan} with {slip} leaves the range of the micro world")
    fact, lines = done
    pieces = [Piece(OPENINGS.draw(rng) + wording(plan.wordings).draw(rng))]
    if fact is not None:
        pieces += [Piece(" "), Piece(str(fact), True, fact != plan.fact)]
    for i, (step, line) in enumerate(zip(plan.steps, lines, strict=True)):
        here = slip_at(slip, i)
        misread = here.side if here is not None and here.kind == "read" else None
        pieces += [
            Piece(".\n" + CONNECTIVES.draw(rng)),
            Piece(str(line.left), not isinstance(step.left, Ref), misread == "left"),
            Piece(line.op, True, here is not None and here.kind == "operate"),
            Piece(str(line.right), not isinstance(step.right, Ref), misread == "right"),
            Piece("="),
            Piece(str(line.result), True, here is not None and here.kind == "calculate"),
        ]
    return [*pieces, Piece(REMARKS.draw(rng) + ".")]


def close(pieces: list[Piece], final: str, style: Style) -> Demonstration:
    """Adds the final answer in the form a scorer parses."""
    before, after = CLOSINGS[style]
    start = [Piece("<think>")] if style == "tags" else []
    return Demonstration((*start, *pieces, Piece(before), Piece(final, True), Piece(after)), final)


def merge(pieces: tuple[Piece, ...], offsets: list[tuple[int, int]]) -> tuple[list[bool], list[bool]]:
    """Decisive and slipped flags per token, from the tokens' character spans in the demonstration's text."""
    decisive: list[bool] = []
    slipped: list[bool] = []
    for piece in pieces:
        decisive += [piece.decisive] * len(piece.text)
        slipped += [piece.slipped] * len(piece.text)
    return [any(decisive[a:b]) for a, b in offsets], [any(slipped[a:b]) for a, b in offsets]
