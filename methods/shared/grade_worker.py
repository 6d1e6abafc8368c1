"""Grades answers in a process of its own, one JSON line at a time; started by methods/shared/rewards.py.

mathruler and math_verify hand strings that a model wrote to sympy, and swallow every exception: only ending the process
stops an answer that computes for ever, and the kernel does that. This process itself reads no answer: confined copies
of it do, one after the other.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping

from methods.shared.confinement import confine, print_nowhere, processor_time
from methods.shared.same_value import same_value
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
    """Answer the lines of stdin until it is closed, confined. Only verdicts are written to what was stdout."""
    verdicts = os.fdopen(os.dup(1), "w")
    print_nowhere()
    confine()
    for line in sys.stdin:
        name, answer, truth = json.loads(line)
        compare = graders[name]
        verdict = ABSENT if compare is None else json.dumps(_verdict(compare, answer, truth, deadline))
        print(verdict, file=verdicts, flush=True)


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
    try:
        import math_verify  # noqa: F401
    except ImportError:
        return None
    return same_value


if __name__ == "__main__":
    main(float(sys.argv[1]))
