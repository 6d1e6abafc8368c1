"""Scores answers in a confined copy of this process, and says what lmms-eval's scorer read out of each answer.

lmms-eval's scorers evaluate what a model wrote as an expression: MathVision's hands it to Python's ``eval``, without a
time limit, the others to sympy. A copy made by fork needs no second import of lmms-eval, which takes many seconds; the
kernel ends it when an answer has used its processor time, and a new copy takes its place.
"""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Pipe
from typing import Any

from evals.readings import watch
from methods.shared.confinement import confine, print_nowhere, processor_time

SECONDS = 20.0  # of processor time for one reading; math_verify's own limits are 5 s for each of its three parts
PATIENCE = 100  # times as long on the wall; it bounds a process that is stopped, not a busy machine

Scorer = Callable[[Mapping[str, Any], list[str]], dict[str, Any]]  # a task's process_results
SecondReader = Callable[[str, Mapping[str, Any], str], bool]  # benchmark, row, response -> right or not
Question = tuple[str, Mapping[str, Any], list[str]]  # benchmark, row, responses


@dataclass(frozen=True)
class Scored:
    """What came of one question.

    ``result`` is the scorer's, None if it could not score the answer: it took too long, or the scorer raised.
    """

    result: dict[str, Any] | None
    reading: str | None  # the last that the scorer read out of the answer before it compared
    second: bool | None = None  # verdict of the second reading; None if it came to none


class ScorerFailed(Exception):  # noqa: N818 - the name says it
    """The scorer raised an exception also for an empty answer: the row is not what it expects."""


class ScoringProcess:
    """One confined process for all benchmarks of an evaluation; started when first needed, and again when it ended."""

    def __init__(self, scorers: Mapping[str, Scorer], second: SecondReader, seconds: float = SECONDS) -> None:
        """``scorers``: by benchmark. ``seconds``: of processor time that each reading of one question may take."""
        self.scorers, self.second, self.seconds = scorers, second, seconds
        self._copy: Copy | None = None

    def score(self, benchmark: str, row: Mapping[str, Any], responses: list[str]) -> Scored:
        """Score one question; ScorerFailed if the scorer raises. A copy that something else ended is asked again."""
        for _ in range(2):
            if self._copy is None:
                self._copy = Copy.start(self.scorers, self.second, self.seconds)
            scored = self._copy.ask((benchmark, _without_images(row), responses), PATIENCE * self.seconds)
            if scored.second is not None:
                return scored
            status, self._copy = self._copy.end(), None
            if status == -signal.SIGPROF or scored.result is not None:
                break
        return scored  # pyright: ignore[reportPossiblyUnboundVariable] - the loop runs

    def close(self) -> None:
        """End the process."""
        if self._copy is not None:
            self._copy.end()
            self._copy = None


@dataclass(frozen=True)
class Copy:
    """A fork of this process and the pipe to it; messages are JSON, since nothing from there is to be trusted."""

    pid: int
    pipe: Any  # multiprocessing's Connection

    @staticmethod
    def start(scorers: Mapping[str, Scorer], second: SecondReader, seconds: float) -> Copy:
        """Fork; the copy never returns from here."""
        ours, theirs = Pipe()
        numbers = random.getstate()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                ours.close()
                random.setstate(numbers)  # Python seeds a fork anew
                _serve(scorers, second, seconds, theirs)
                status = 0
            finally:
                os._exit(status)
        theirs.close()
        return Copy(pid, ours)

    def ask(self, question: Question, patience: float) -> Scored:
        """The copy's replies to one question; no result if it ended or took more than ``patience`` seconds."""
        result: dict[str, Any] | None = None
        reading: str | None = None
        try:
            self.pipe.send_bytes(json.dumps(question).encode())
            while self.pipe.poll(patience):
                kind, value = json.loads(self.pipe.recv_bytes())
                if kind == "failed":
                    raise ScorerFailed(value)
                if kind == "second":
                    return Scored(result, reading, value)
                if kind == "result":
                    result = value
                elif kind == "reading":
                    reading = value
                else:  # MMMU's scorer drew a letter: the next copy must not draw the same numbers again
                    random.setstate((value[0], tuple(value[1]), value[2]))
        except (EOFError, OSError):
            pass  # the copy ended; its exit status says why
        return Scored(result, reading)

    def end(self) -> int:
        """Kill the copy if it still runs; its exit status, negative for a signal."""
        os.kill(self.pid, signal.SIGKILL)  # a copy that has ended waits for waitpid: no other process has its number
        self.pipe.close()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _serve(
    scorers: Mapping[str, Scorer],
    second: SecondReader,
    seconds: float,
    pipe: Any,  # noqa: ANN401 - a Connection
) -> None:
    """What the copy runs: one question a message; a message per reading and one for the result in return."""

    def reply(kind: str, value: object) -> None:
        pipe.send_bytes(json.dumps([kind, value]).encode())

    def report(reading: str) -> None:
        reply("reading", reading)

    print_nowhere()
    for name, scorer in scorers.items():
        watch(name, scorer, report)
    alarm_counts_processor_time()
    confine()
    while True:
        try:
            benchmark, row, responses = json.loads(pipe.recv_bytes())
        except EOFError:
            return
        before = random.getstate()
        with processor_time(seconds):
            try:
                result = scorers[benchmark](row, responses)
            except Exception as error:
                if not _scores_nothing(scorers[benchmark], row, len(responses)):
                    reply("failed", f"{type(error).__name__}: {error}")
                    continue
                result = None  # the row is sound: the answer was more than the scorer could take
        if random.getstate() != before:
            reply("random", random.getstate())
        reply("result", result)
        with processor_time(seconds):
            try:
                verdict = second(benchmark, row, responses[0])
            except Exception:  # whatever a hostile answer provokes in math_verify: it is not right
                verdict = False
        reply("second", verdict)


def _scores_nothing(scorer: Scorer, row: Mapping[str, Any], count: int) -> bool:
    """Whether the scorer takes empty answers to this row: else the row is at fault when it raises."""
    try:
        scorer(row, [""] * count)
    except Exception:
        return False
    return True


def alarm_counts_processor_time() -> None:
    """Let ``signal.alarm``, with which math_verify limits its time, count this process's time, not the wall's."""
    signal.signal(signal.SIGVTALRM, lambda *_: signal.raise_signal(signal.SIGALRM))

    def alarm(seconds: float) -> int:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        return 0

    signal.alarm = alarm  # pyright: ignore[reportAttributeAccessIssue]


def _without_images(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a row that scorers read."""
    plain = (str, int, float, list, type(None))
    return {name: value for name, value in row.items() if isinstance(value, plain)}
