"""Hostile answers through the verifier and the readers of all five benchmarks, each within its deadline.

``.venv/bin/python benchmarks/hostile_answers.py --answers 100000``. Drawn from a seed: LaTeX in pieces, Unicode, deep
nesting, long texts, numbers beyond all bounds, Python. Ends with status 1 if one answer hung, crashed a process for
good, changed a file, or kept the next honest answer from its right verdict.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from evals.careful import careful
from evals.scoring_process import ScorerFailed, ScoringProcess
from methods.shared.rewards import Grader

PIECES = [r"\frac", r"\sqrt", r"\sqrt[", "{", "}", "(", ")", "[", "]", "^", "_", "!", "**", "/", "%", r"\pi", r"\infty"]
PIECES += [
    "9",
    "10",
    "0",
    "-",
    "+",
    "=",
    ",",
    ".",
    " ",
    "\n",
    "$",
    r"\text{",
    r"\left(",
    r"\right)",
    r"\int_0^",
    "e",
    "x",
]
PIECES += [
    r"\begin{pmatrix}",
    r"\end{pmatrix}",
    "&",
    r"\\",
    r"\log",
    r"\sum_{i=1}^{9}",
    "A",
    "B.",
    "(C)",
    "the answer is ",
]
UNICODE = "\u0000\u200b\u202e\u2212\u00b2\u221a\u221e\u00bd\u0663\u2167\uff11\ud7ff\ufffd\U0001f600\u0301\u212b"
CODE = [
    "__import__('os').system('touch {f}')",
    "open('{f}','w')",
    "exec('import os')",
    "exit(0)",
    "lambda: 0",
    "().__class__",
]
CODE += [
    r"\operatorname{exit}(0)",
    "sqrt(frac('1'))",
    "while True: pass",
    "[0]*10**10",
    "'A'*9**9",
    "quit()",
    "eval('1')",
]


def latex(draw: random.Random) -> str:
    """Pieces of LaTeX in any order."""
    return "".join(draw.choice(PIECES) for _ in range(draw.randint(1, 60)))


def unicode(draw: random.Random) -> str:
    """Signs, digits and marks of any script, control characters included."""
    return "".join(
        draw.choice([draw.choice(UNICODE), chr(draw.randint(1, 0xD7FF))]) for _ in range(draw.randint(1, 80))
    )


def nesting(draw: random.Random) -> str:
    """One construction inside itself, closed or not."""
    left, right = draw.choice([("(", ")"), ("{", "}"), (r"\frac{1}{", "}"), (r"\sqrt{", "}"), ("[", "]"), ("2^{", "}")])
    depth = draw.choice([3, 30, 300, 3000])
    return left * depth + "1" + right * draw.choice([depth, depth - 1, 0])


def length(draw: random.Random) -> str:
    """One piece, very often."""
    return draw.choice(PIECES) * draw.choice([100, 1000, 20000])


def numbers(draw: random.Random) -> str:
    """Numbers beyond all bounds, and towers of powers and factorials."""
    digits = "".join(draw.choice("0123456789") for _ in range(draw.choice([5, 50, 5000])))
    tower = draw.choice(["^", "**", "^{"]).join(["9"] * draw.randint(2, 6))
    return draw.choice(
        [digits, f"0.{digits}", f"1e{digits[:6]}", tower, f"{digits[:9]}!", f"-{tower}/{digits}", "inf", "nan"]
    )


def code(draw: random.Random) -> str:
    """Python that would do something."""
    return draw.choice(CODE).replace("{f}", "/tmp/hostile")  # noqa: S108 - must not come into being


KINDS: tuple[Callable[[random.Random], str], ...] = (latex, unicode, nesting, length, numbers, code)
FRAMES = (r"\boxed{@}", "<answer>@</answer>", "The answer is @.", "@", r"so @ is \boxed{@} and (B).")


def answers(seed: int, count: int) -> Iterator[str]:
    """``count`` hostile answers, of all kinds in turn."""
    draw = random.Random(seed)  # noqa: S311
    for number in range(count):
        yield KINDS[number % len(KINDS)](draw)


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


def put_through(given: Iterator[str], graders: Grader, process: ScoringProcess) -> Counter[str]:
    """Counts of what came of every answer in every reader."""
    found: Counter[str] = Counter()
    for number, answer in enumerate(given):
        for by in ("mathruler", "math_verify"):
            started = time.monotonic()
            (verdict,) = graders.grade([answer], ["7.5"], by)
            _count(
                found, f"verifier {by}", "no verdict" if verdict is None else "right" if verdict else "wrong", started
            )
        for name, row in ROWS.items():
            started = time.monotonic()
            response = FRAMES[number % len(FRAMES)].replace("@", answer)
            try:
                scored = process.score(name, row, [response])
                said = "no verdict" if scored.result is None else "scored"
                found[f"{name}: second reading {'no verdict' if scored.second is None else 'given'}"] += 1
            except ScorerFailed as error:
                said = f"scorer raised {str(error)[:60]}"
            _count(found, name, said, started)
    return found


def _count(found: Counter[str], who: str, said: str, started: float) -> None:
    found[f"{who}: {said}"] += 1
    wall = round(1000 * (time.monotonic() - started))
    found[f"{who}: longest, ms on the wall"] = max(found[f"{who}: longest, ms on the wall"], wall)


def honest(graders: Grader, process: ScoringProcess) -> list[str]:
    """Readers that do not take an honest answer for right; none after any hostile one."""
    failed = [] if graders.grade(["15/2"], ["7.5"]) == [True] else ["verifier"]
    for name, response in HONEST.items():
        scored = process.score(name, ROWS[name], [response])
        if scored.second is not True or not scored.result:
            failed.append(name)
    return failed


def main() -> int:
    """Put the answers through and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=2.0, help="of processor time for one reading")
    asked = parser.parse_args()
    mark = Path("/tmp/hostile")  # noqa: S108
    mark.unlink(missing_ok=True)
    started = time.monotonic()
    process = ScoringProcess(scorers(), careful, asked.seconds)
    with Grader(asked.seconds) as graders:
        found = put_through(answers(asked.seed, asked.answers), graders, process)
        failed = honest(graders, process)
    process.close()
    for what, count in sorted(found.items()):
        print(f"{what:60} {count:8}")
    print(f"{asked.answers} answers, {7 * asked.answers} readings in {time.monotonic() - started:.0f} s on the wall")
    if failed or mark.exists():
        print(f"FAILED: honest answers afterwards: {failed or 'right'}; a file was written: {mark.exists()}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
