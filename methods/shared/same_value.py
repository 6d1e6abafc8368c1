"""Whether two answers have the same value, by math_verify 0.9.0. No torch.

It evaluates what a model wrote as an expression: call it only in a process that :mod:`methods.shared.confinement`
confines, or with texts that are known.
"""

from __future__ import annotations

import logging


def same_value(answer: str, truth: str) -> bool:
    r"""Whether math_verify takes the two for equal when each is boxed, and none or both of them are infinite.

    Its own time limits count time on the wall and are switched off. sympy simplifies the difference of a number and an
    infinity that is multiplied, as ``\infty 29``, to 0 now and then, depending on where its objects lie in memory; so
    infinity has to be on both sides, unless it is the end of an interval: ``(5, \infty)`` is ``x > 5``. ImportError if
    math_verify is not installed.
    """
    from math_verify import parse, verify

    logging.getLogger("math_verify").setLevel(logging.CRITICAL)  # it warns of every answer that it cannot read
    read = [parse(rf"\boxed{{{text}}}", parsing_timeout=None) for text in (truth, answer)]  # pyright: ignore[reportArgumentType]
    infinite = [any(map(_is_infinite, readings)) for readings in read]
    if infinite[0] != infinite[1]:
        return False
    return bool(verify(read[0], read[1], timeout_seconds=None))


def import_parsers() -> None:
    """Let math_verify import what it imports with its first answer, 0.3 s: forks made afterwards start with it."""
    same_value(r"\frac{1}{2}", r"\sqrt{2}")


def _is_infinite(value: object) -> bool:
    """Whether a value that was read has an infinity or an undefined number in it, ends of intervals aside."""
    from sympy import Basic, Interval, nan, oo, zoo

    if isinstance(value, Interval) or not isinstance(value, Basic):
        return False
    return value in (oo, -oo, zoo, nan) or any(map(_is_infinite, value.args))
