"""Grades answers in a process of its own, one JSON line at a time; started by methods/shared/rewards.py.

mathruler gives strings that a model wrote to sympy's parser, which can compute for ever (9**9**9) or fill the memory.
mathruler also catches every exception, so an error cannot stop it. What stops it is the timer: when it runs out, the
kernel ends this process.
"""

from __future__ import annotations

import json
import resource
import signal
import sys

MEMORY_LIMIT = 2 * 1024**3  # bytes of address space; an answer that needs more counts as wrong


def main(deadline: float) -> None:
    """For each line ``[answer, truth]`` read, write a line ``true``, ``false`` or ``null`` (mathruler failed)."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # nothing here may write a file
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from mathruler.grader import grade_answer

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, and that closes our input
    print("ready", flush=True)
    for line in sys.stdin:
        answer, truth = json.loads(line)
        signal.setitimer(signal.ITIMER_REAL, deadline)  # SIGALRM is not handled: it ends the process
        try:
            verdict = bool(grade_answer(answer, truth))
        except Exception:  # any error that a hostile string can cause; the parent counts it
            verdict = None
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(json.dumps(verdict), flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]))
