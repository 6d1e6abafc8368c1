"""Rewards: the last boxed answer of a response, whether it is right, and what that is worth. No torch.

Grading is mathruler 0.1.0's ``grade_answer``, as in the released code (examples/reward_function/math.py:26-50 of
github.com/ahmedheakl/CEPO @7a9655d), unless the option ``grader`` names another. What a model wrote is untrusted: only
a confined process with a deadline evaluates it.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import IO, Literal, Self, cast

from contracts.errors import TrainError
from contracts.paths import ROOT
from methods.shared.grade_worker import ABSENT, ENDED, READY

FORMAT_WEIGHT = 0.1  # of ``accuracy_format``; examples/reward_function/math.py:40
LONGEST_ANSWER = 1000  # characters; longer ones are not graded
PLAIN_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,6})?")  # here every grader and plain equality agree
BOX = r"\boxed{"
PATIENCE = (
    100  # times the deadline that a worker may take on the wall; it bounds one that is stopped, not a busy machine
)
WORKER = "methods.shared.grade_worker"

GraderName = Literal["mathruler", "math_verify", "either"]


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


OTHER: dict[GraderName, GraderName] = {"mathruler": "math_verify", "math_verify": "mathruler", "either": "mathruler"}


class NoVerdict(Exception):  # noqa: N818 - no error: the answer is counted
    """The answer was not read: it ran into the deadline, crashed the worker, or is too long."""


class GraderMissingError(Exception):
    """The package of a grader is not in this environment."""


class Grader:
    """Compares answers with ground truths; plain numbers here, the rest in a worker process that a deadline ends."""

    def __init__(self, deadline: float = 2.0) -> None:
        """``deadline``: seconds of processor time that one comparison may take."""
        self.deadline = deadline
        self._worker: subprocess.Popen[str] | None = None
        self._compare = lru_cache(maxsize=2**16)(self._ask)  # keeps verdicts; a comparison that raised is asked again

    def grade(
        self, answers: Sequence[str | None], truths: Sequence[str], by: GraderName = "mathruler"
    ) -> list[bool | None]:
        """True for right, False for wrong, None where no verdict was reached (deadline, crash, over-long answer).

        An answer of None (nothing boxed) is wrong. ``either``: right if one of the two graders says so. Within one
        call equal pairs are compared once; a pair without a verdict is compared again in the next call.
        Raises TrainError for a grader that is not installed.
        """
        try:
            return self._grade(answers, truths, by)
        except GraderMissingError:
            raise TrainError("grader", f"the package of {by} is not installed", "install the lock again") from None

    def _grade(self, answers: Sequence[str | None], truths: Sequence[str], by: GraderName) -> list[bool | None]:
        pairs = list(zip(answers, truths, strict=True))
        verdicts = {pair: self._verdict(*pair, by) for pair in dict.fromkeys(pairs)}
        return [verdicts[pair] for pair in pairs]

    def changed(
        self, answers: Sequence[str | None], truths: Sequence[str], verdicts: Sequence[bool | None], by: GraderName
    ) -> list[bool] | None:
        """Which of the ``verdicts`` of ``by`` the other grader (:data:`OTHER`) turns from right to wrong or back.

        None if the other grader is not installed.
        """
        try:
            others = self._grade(answers, truths, OTHER[by])
        except GraderMissingError:
            return None
        return [(one is True) != (other is True) for one, other in zip(verdicts, others, strict=True)]

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

    def _verdict(self, answer: str | None, truth: str, by: GraderName) -> bool | None:
        if answer is None:
            return False
        if len(answer) > LONGEST_ANSWER:
            return None
        answer = re.sub(r"\s*(<|>|/)\s*", r"\1", answer)  # examples/reward_function/math.py:41
        if answer == truth:
            return True
        if PLAIN_NUMBER.fullmatch(answer) and PLAIN_NUMBER.fullmatch(truth):
            return Decimal(answer) == Decimal(truth)
        if by == "either":
            found = [self._of_one(name, answer, truth) for name in ("mathruler", "math_verify")]
            return True if True in found else None if None in found else False
        return self._of_one(by, answer, truth)

    def _of_one(self, name: str, answer: str, truth: str) -> bool | None:
        try:
            return self._compare(name, answer, truth)
        except NoVerdict:
            return None

    def _ask(self, name: str, answer: str, truth: str) -> bool:
        """The verdict of one grader. Raises NoVerdict, or GraderMissingError.

        A worker that was ended by something else than its deadline is started again and asked once more.
        """
        question = json.dumps([name, answer, truth])
        reply, status = self._reply(question)
        if not reply and status != -signal.SIGPROF:
            reply, _ = self._reply(question)
        if reply == ABSENT:
            raise GraderMissingError
        if reply in ("", "null"):
            raise NoVerdict
        return json.loads(reply)

    def _reply(self, question: str) -> tuple[str, int | None]:
        """The worker's line, or an empty one and the status with which the worker ended."""
        worker = self._running_worker()
        stdin, stdout = cast(IO[str], worker.stdin), cast(IO[str], worker.stdout)
        try:
            stdin.write(question + "\n")
            stdin.flush()
        except BrokenPipeError:  # it died since its last answer
            return "", self._ended(worker)
        if select.select([stdout], [], [], PATIENCE * self.deadline)[0]:
            reply = stdout.readline().strip()
            if reply.startswith(ENDED):  # the worker has made another copy of itself
                return "", self._copy_ended(int(reply.removeprefix(ENDED)))
            return reply, None if reply else self._ended(worker)
        return "", self._ended(worker)

    def _copy_ended(self, status: int) -> int:
        """The status of the copy that read answers.

        A copy that its deadline ended had read the question, and the worker goes on. One that something else ended may
        have left it in the pipe, where it would be answered twice and every later answer would get another's verdict.
        """
        if status != -signal.SIGPROF:
            self.close()
        return status

    def _ended(self, worker: subprocess.Popen[str]) -> int:
        """Its exit status; it is killed if it still runs. The next question starts another one."""
        try:
            status = worker.wait(timeout=10.0)  # a killed process of a busy machine takes its time to end
        except subprocess.TimeoutExpired:
            status = -signal.SIGPROF  # it was given more time than the deadline allows
        self.close()
        return status

    def _running_worker(self) -> subprocess.Popen[str]:
        """The worker, started if there is none. Raises TrainError if it cannot start."""
        if self._worker is None:
            path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
            self._worker = subprocess.Popen(  # noqa: S603
                [sys.executable, "-P", "-m", WORKER, str(self.deadline)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=dict(os.environ) | {"PYTHONPATH": path},
            )
            if cast(IO[str], self._worker.stdout).readline() != f"{READY}\n":
                self.close()
                raise TrainError("grader", "its process did not start", "pip install mathruler==0.1.0 pylatexenc sympy")
        return self._worker
