"""Hostile answers, drawn from a seed: what a model might write that could hang, crash, misuse or deceive a reader.

A kind is a function from a random source to a text. Every text is made of random parts, so that few are drawn twice.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator

LATEX = [r"\frac", r"\sqrt", r"\sqrt[", r"\pi", r"\infty", r"\text{", r"\left(", r"\right)", r"\int_0^", r"\log", r"\\"]
LATEX += [r"\begin{pmatrix}", r"\end{pmatrix}", r"\sum_{i=1}^{9}", r"\boxed{", r"\circ", r"\%", r"\operatorname{x}"]
SIGNS = ["{", "}", "(", ")", "[", "]", "^", "_", "!", "**", "/", "%", "-", "+", "=", ",", ".", " ", "\n", "$", "&"]
WORDS = ["9", "10", "0", "e", "x", "A", "B.", "(C)", "the answer is ", "<answer>", "</answer>", "<think>"]
PIECES = LATEX + SIGNS + WORDS
UNICODE = "\u200b\u202e\u2212\u00b2\u221a\u221e\u00bd\u0663\u2167\uff11\ud7ff\ufffd\U0001f600\u0301\u212b"
CONTROL = [chr(code) for code in (*range(32), 127, *range(128, 160), 0x2028, 0x2029, 0xFEFF)]
PAIRS = [("(", ")"), ("{", "}"), (r"\frac{1}{", "}"), (r"\sqrt{", "}"), ("[", "]"), ("2^{", "}"), ("-", ""), ("|", "|")]
MARK = "/tmp/hostile"  # noqa: S108 - a file that must not come into being
CODE = [f"__import__('os').system('touch {MARK}')", f"open('{MARK}','w')", "exec('import os')", "exit(0)", "quit()"]
CODE += ["lambda: 0", "().__class__.__base__.__subclasses__()", "sqrt(frac('1'))", "while True: pass", "eval('1')"]
CODE += [
    "[0]*10**10",
    "'A'*9**9",
    r"\operatorname{exit}(0)",
    "__import__('os')._exit(0)",
    "__import__('time').sleep(9)",
]
CODE += ["print('true')", "raise SystemExit", "globals()", "gt_asw", "asw", "1;True", "__import__('os').kill(0,9)"]
MESSAGES = [True, False, None, "ready", ["result", {"acc_score": 1.0}], ["second", True], ["failed", "KeyError"]]
MESSAGES += [["mathruler", "7.5", "7.5"], ["reading", "7.5"], ["random", [3, [], None]], {"acc": 1}]


def latex(draw: random.Random) -> str:
    """Pieces of LaTeX in any order."""
    return "".join(draw.choice(PIECES) for _ in range(draw.randint(1, 60)))


def unicode(draw: random.Random) -> str:
    """Signs, digits and marks of any script."""
    return "".join(
        draw.choice([draw.choice(UNICODE), chr(draw.randint(0xA0, 0xD7FF))]) for _ in range(draw.randint(1, 80))
    )


def control(draw: random.Random) -> str:
    """Characters that steer a terminal or end a line, NUL among them, around digits."""
    return "".join(draw.choice([draw.choice(CONTROL), draw.choice("0123456789")]) for _ in range(draw.randint(1, 60)))


def surrogates(draw: random.Random) -> str:
    """Halves of a character of two parts, which no encoding can write, between pieces of LaTeX."""
    return "".join(
        draw.choice([draw.choice(PIECES), chr(draw.randint(0xD800, 0xDFFF))]) for _ in range(draw.randint(1, 30))
    )


def nesting(draw: random.Random) -> str:
    """One construction inside itself, up to 10,000 deep, closed or not."""
    left, right = draw.choice(PAIRS)
    depth = draw.choice([3, 30, 300, 3000, 10_000]) + draw.randint(0, 3)
    return left * depth + str(draw.randint(0, 99)) + right * draw.choice([depth, depth - 1, depth + 1, 0])


def length(draw: random.Random) -> str:
    """A few pieces very often: up to some hundred thousand characters."""
    pieces = "".join(draw.choice(PIECES) for _ in range(draw.randint(1, 3)))
    return pieces * (draw.choice([100, 1000, 20_000, 100_000]) // draw.randint(1, 3))


def numbers(draw: random.Random) -> str:
    """Numbers beyond all bounds, and towers of powers and factorials."""
    digits = "".join(draw.choice("0123456789") for _ in range(draw.choice([5, 50, 5000])))
    power = draw.choice(["^", "**", "^{"])
    tower = power.join(str(draw.randint(2, 99)) for _ in range(draw.randint(2, 6)))
    forms = [
        digits,
        f"0.{digits}",
        f"1e{digits[:6]}",
        tower,
        f"{digits[:9]}!",
        f"-{tower}/{digits}",
        f"inf{digits[:2]}",
    ]
    return draw.choice(
        [*forms, f"nan{digits[:2]}", f"0x{digits}", f"{digits[:4]}!!", f"{digits}%", f"1/{digits[:3]}e-999"]
    )


def code(draw: random.Random) -> str:
    """Python that would do something, bare or within pieces of LaTeX."""
    written = draw.choice(CODE)
    around = ["".join(draw.choice(PIECES) for _ in range(draw.randint(0, 3))) for _ in range(2)]
    return draw.choice([written, f"{around[0]}{written}{around[1]}", f"{written}#{draw.randint(0, 999)}"])


def protocol(draw: random.Random) -> str:
    """What the processes of the readers write to each other, as lines, as messages with a length, cut off."""
    message = json.dumps(draw.choice(MESSAGES))
    lines = draw.choice(["\n", "\r\n", "\0", "\\n", "\u2028"]).join([str(draw.randint(0, 99)), message, message])
    framed = f"{chr(0) * 3}{chr(len(message))}{message}"
    return draw.choice(
        [message, lines, f"\n{message}\n", framed, message[: draw.randint(1, len(message))], "ended -9\n"]
    )


KINDS: tuple[Callable[[random.Random], str], ...] = (
    latex, unicode, control, surrogates, nesting, length, numbers, code, protocol
)  # fmt: skip


def answers(seed: int, count: int) -> Iterator[tuple[str, str]]:
    """``count`` hostile answers with the name of their kind, of all kinds in turn."""
    draw = random.Random(seed)  # noqa: S311
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        yield kind.__name__, kind(draw)
