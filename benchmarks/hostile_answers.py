"""Hostile answers (hostile_texts.py) through the verifier and the readers of all five benchmarks, within a deadline.

``.venv/bin/python benchmarks/hostile_answers.py --answers 100000``. Ends with status 1 if an answer crashed a
reader for good, wrote a file, or kept a later honest answer from its verdict; it prints how long the slowest took.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from evals.careful import careful
from evals.scoring_process import ScorerFailed, ScoringProcess
from methods.shared.rewards import Grader
from methods.shared.same_value import import_parsers

sys.path.insert(0, str(Path(__file__).parent))
from hostile_texts import MARK, answers

HONEST_EVERY = 1000  # answers between two looks whether honest answers still get their verdicts
FRAMES = (r"\boxed{@}", "<answer>@</answer>", "The answer is @.", "@", r"so @ is \boxed{@} and (B).")
ROWS = {
    "dynamath": {"question": "?", "ground_truth": "7.5", "id": "1", "question_id": 1},
    "logicvista": {"question": "?", "answer": "B"},
    "mathvision": {"question": "?", "options": [], "answer": "14"},
    "mmmu": {"id": "validation_Math_1", "question": "?", "options": "[]", "question_type": "open", "answer": "14"},
    "wemath": {"ID": "1", "key": "2steps_1", "split": "s", "question": "?", "option": "A. 1; B. 2", "answer": "B",
               "question number": 1, "knowledge concept": "c", "knowledge concept description": "d"},
}  # fmt: skip
HONEST = {"dynamath": "<answer>15/2</answer>", "mathvision": r"\boxed{14}", "mmmu": "14"}
HONEST |= dict.fromkeys(("logicvista", "wemath"), "<answer>B</answer>")


def scorers() -> dict[str, Callable]:
    """lmms-eval's scorer of each benchmark, and no more of it."""
    from lmms_eval.tasks.dynamath.reasoning.utils import dynamath_process_results
    from lmms_eval.tasks.logicvista.reasoning.utils import logicvista_reasoning_process_results
    from lmms_eval.tasks.mathvision.utils import mathvision_process_results
    from lmms_eval.tasks.mmmu.utils import mmmu_process_results
    from lmms_eval.tasks.wemath.reasoning.utils import wemath_reasoning_process_results

    return {
        "dynamath": dynamath_process_results,
        "logicvista": logicvista_reasoning_process_results,
        "mathvision": mathvision_process_results,
        "mmmu": mmmu_process_results,
        "wemath": wemath_reasoning_process_results,
    }


class Trial:
    """Puts answers through the readers and counts what came of them."""

    def __init__(self, seconds: float) -> None:
        """``seconds``: of processor time for one reading."""
        self.seconds, self.found = seconds, Counter[str]()
        self.slowest: dict[str, tuple[float, str]] = {}  # by reader: seconds on the wall, kind
        self.failed: list[str] = []
        import_parsers()
        self.graders, self.process = Grader(seconds), ScoringProcess(scorers(), careful, seconds)

    def put_through(self, given: Iterator[tuple[str, str]], until: float) -> int:
        """Take answers until they or the time (monotonic seconds) are used up; returns how many were taken."""
        number = 0
        for number, (kind, answer) in enumerate(given, 1):
            for by in ("mathruler", "math_verify"):
                self._timed(by, kind, lambda by=by, answer=answer: self._verdict(answer, by))
            response = FRAMES[number % len(FRAMES)].replace("@", answer)
            for name in ROWS:
                self._timed(name, kind, lambda name=name, response=response: self._scored(name, response))
            if number % HONEST_EVERY == 0:
                self._ask_honestly(number)
            if time.monotonic() > until:
                break
        self._ask_honestly(number)
        return number

    def close(self) -> None:
        """End the processes of the readers."""
        self.graders.close()
        self.process.close()

    def _verdict(self, answer: str, by: str) -> str:
        (verdict,) = self.graders.grade([answer], ["7.5"], by)  # pyright: ignore[reportArgumentType]
        return "no verdict" if verdict is None else "right" if verdict else "wrong"

    def _scored(self, name: str, response: str) -> str:
        try:
            scored = self.process.score(name, ROWS[name], [response])
        except ScorerFailed as error:
            self.failed.append(f"{name} could not score {response[:80]!r}: {error}")
            return "failed"
        self.found[f"{name}, second reading: {'no verdict' if scored.second is None else 'given'}"] += 1
        return "no verdict" if scored.result is None else "scored"

    def _timed(self, who: str, kind: str, read: Callable[[], str]) -> None:
        started = time.monotonic()
        self.found[f"{who}: {read()}"] += 1
        self.slowest[who] = max(self.slowest.get(who, (0.0, "")), (time.monotonic() - started, kind))

    def _ask_honestly(self, number: int) -> None:
        """Note every reader that does not take an honest answer for right."""
        if self.graders.grade(["15/2"], ["7.5"]) != [True]:
            self.failed.append(f"the verifier, on an honest answer after {number} others")
        for name, response in HONEST.items():
            scored = self.process.score(name, ROWS[name], [response])
            if scored.second is not True or not scored.result:
                self.failed.append(f"{name}, on an honest answer after {number} others")
        print(f"{number} answers so far", file=sys.stderr, flush=True)


def main() -> int:
    """Put the answers through and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--seconds", type=float, default=0.25, help="of processor time for one reading; 20 and 2 in use"
    )
    parser.add_argument("--minutes", type=float, default=600.0, help="end earlier after this time on the wall")
    asked = parser.parse_args()
    mark = Path(MARK)
    mark.unlink(missing_ok=True)
    trial, started = Trial(asked.seconds), time.monotonic()
    taken = trial.put_through(answers(asked.seed, asked.answers), started + 60 * asked.minutes)
    trial.close()
    for what, count in sorted(trial.found.items()):
        print(f"{what:45} {count:8}")
    for who, (wall, kind) in sorted(trial.slowest.items()):
        print(f"{who}: slowest {wall:.2f} s on the wall, {kind}")
    none = sum(count for what, count in trial.found.items() if what.endswith(": no verdict"))
    wall = time.monotonic() - started
    print(f"{taken} answers, {7 * taken} readings, {none} without a verdict, {wall:.0f} s on the wall")
    if mark.exists():
        trial.failed.append(f"{MARK} was written")
    for failure in trial.failed[:20]:
        print(f"FAILED: {failure}")
    return 1 if trial.failed else 0


if __name__ == "__main__":
    sys.exit(main())
