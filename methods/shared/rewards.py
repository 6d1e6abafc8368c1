"""Rewards: the last boxed answer of a response, whether it is right, and what that is worth. No torch.

Grading is mathruler 0.1.0's ``grade_answer``, as in the released code (examples/reward_function/math.py:26-50 of
github.com/ahmedheakl/CEPO @7a9655d). What a model wrote is untrusted: only a process with a deadline evaluates it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import IO, Literal, Self, cast

from contracts.errors import TrainError

FORMAT_WEIGHT = 0.1  # of ``accuracy_format``; examples/reward_function/math.py:40
LONGEST_ANSWER = 1000  # characters; longer ones are not graded
PLAIN_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,6})?")  # here mathruler and plain equality agree
BOX = r"\boxed{"


def boxed_answer(text: str) -> str | None:
    r"""Content of the last ``\boxed{...}``, stripped; None if there is none or its braces do not close."""
    start = text.rfind(BOX)
    depth = 0
    for end in range(start + len(BOX), len(text) if start >= 0 else 0):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if depth < 0:
            return text[start + len(BOX) : end].strip()
    return None


def reward(correct: bool, boxed: bool, kind: Literal["binary", "accuracy_format"]) -> float:
    """``binary``: 1 if correct (paper). ``accuracy_format``: 0.9 if correct + 0.1 if boxed (released code)."""
    if kind == "binary":
        return float(correct)
    return (1.0 - FORMAT_WEIGHT) * correct + FORMAT_WEIGHT * boxed


class Grader:
    """Compares answers with ground truths; plain numbers here, the rest in a worker process that a deadline ends."""

    def __init__(self, deadline: float = 2.0) -> None:
        """``deadline``: seconds one comparison may take."""
        self.deadline = deadline
        self._worker: subprocess.Popen[str] | None = None
        self._compare = lru_cache(maxsize=2**16)(self._ask)

    def grade(self, answers: Sequence[str | None], truths: Sequence[str]) -> list[bool | None]:
        """True for right, False for wrong, None where no verdict was reached (deadline, crash, over-long answer).

        An answer of None (nothing boxed) is wrong.
        """
        return [self._verdict(answer, truth) for answer, truth in zip(answers, truths, strict=True)]

    def close(self) -> None:
        """End the worker process."""
        if self._worker is not None:
            self._worker.kill()
            self._worker.communicate()
            self._worker = None

    def __enter__(self) -> Self:
        """The worker starts with the first answer that needs it."""
        return self

    def __exit__(self, *exception: object) -> None:
        """End the worker process."""
        self.close()

    def _verdict(self, answer: str | None, truth: str) -> bool | None:
        if answer is None:
            return False
        if len(answer) > LONGEST_ANSWER:
            return None
        answer = re.sub(r"\s*(<|>|/)\s*", r"\1", answer)  # examples/reward_function/math.py:41
        if answer == truth:
            return True
        if PLAIN_NUMBER.fullmatch(answer) and PLAIN_NUMBER.fullmatch(truth):
            return Decimal(answer) == Decimal(truth)
        return self._compare(answer, truth)

    def _ask(self, answer: str, truth: str) -> bool | None:
        worker = self._running_worker()
        stdin, stdout = cast(IO[str], worker.stdin), cast(IO[str], worker.stdout)
        stdin.write(json.dumps([answer, truth]) + "\n")
        stdin.flush()
        reply = stdout.readline()
        if reply:
            return json.loads(reply)
        self.close()  # it ran into the deadline or crashed
        return None

    def _running_worker(self) -> subprocess.Popen[str]:
        """The worker, started if there is none. Raises TrainError if it cannot start."""
        if self._worker is None:
            script = Path(__file__).with_name("grade_worker.py")
            command = [sys.executable, "-P", str(script), str(self.deadline)]
            self._worker = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            if cast(IO[str], self._worker.stdout).readline() != "ready\n":
                self.close()
                raise TrainError("grader", "its process did not start", "pip install mathruler==0.1.0 pylatexenc sympy")
        return self._worker
