"""Grades answers in a process of its own, one JSON line at a time; started by methods/shared/rewards.py.

mathruler and math_verify hand strings that a model wrote to sympy, and swallow every exception: only ending the process
stops an answer that computes for ever, and the kernel does that. This process itself reads no answer: confined copies
of it do, one after the other.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping

from methods.shared.confinement import confine, processor_time
from methods.shared.successors import serve_in_copies

# Lines that are no verdict: started; this grader's package is not installed; the copy ended, with this status.
READY, ABSENT, ENDED = "ready", "absent", "ended "
Comparison = Callable[[str, str], bool]


def main(deadline: float) -> None:
    """Read ``[grader, answer, truth]`` lines, write ``true``, ``false`` or ``null`` (the grader failed) lines.

    ``deadline``: seconds of processor time for one answer; then the copy that reads it ends, which is a line, too.
    """
    graders = {"mathruler": _mathruler(), "math_verify": _math_verify()}
    for compare in graders.values():
        if compare is not None:
            compare(r"\frac{1}{2}", r"\sqrt{2}")  # libraries import their parsers when they first need them
    print(READY, flush=True)
    serve_in_copies(lambda: _serve(graders, deadline), lambda status: print(f"{ENDED}{status}", flush=True))


def _serve(graders: Mapping[str, Comparison | None], deadline: float) -> None:
    """Answer the lines of stdin until it is closed, confined."""
    confine()
    for line in sys.stdin:
        name, answer, truth = json.loads(line)
        compare = graders[name]
        print(ABSENT if compare is None else json.dumps(_verdict(compare, answer, truth, deadline)), flush=True)


def _verdict(compare: Comparison, answer: str, truth: str, deadline: float) -> bool | None:
    with processor_time(deadline):
        try:
            return bool(compare(answer, truth))
        except Exception:  # whatever a hostile string provokes; the parent counts it
            return None


def _mathruler() -> Comparison | None:
    try:
        from mathruler.grader import grade_answer
    except ImportError:
        return None
    return grade_answer


def _math_verify() -> Comparison | None:
    """math_verify 0.9.0 on the two answers, boxed; its own time limits count time on the wall and are switched off."""
    try:
        from math_verify import parse, verify
    except ImportError:
        return None
    logging.disable(logging.CRITICAL)  # it warns of every answer that it cannot read

    def compare(answer: str, truth: str) -> bool:
        read = [parse(rf"\boxed{{{text}}}", parsing_timeout=None) for text in (truth, answer)]  # pyright: ignore[reportArgumentType]
        return verify(read[0], read[1], timeout_seconds=None)

    return compare


if __name__ == "__main__":
    main(float(sys.argv[1]))
