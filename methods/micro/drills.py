"""Text-only exercises beside the demonstrations: calculations and letters of ranges.

These are skills that a demonstration shows once and a tiny model needs to see very often; a row of exercises costs as
many tokens as one demonstration and shows a skill half a dozen times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from transformers import PreTrainedTokenizerFast

from methods.micro.benchmarks import listed
from methods.micro.demonstration import CLOSINGS
from methods.micro.items import CHOICE, STYLES, letter
from methods.micro.samples import Sample, maybe_slip
from methods.micro.solution_plan import Plan, run

LINES = 6  # calculations in a row
LOOKUPS = 4  # letters in a row


def calculations(plans: Sequence[Plan], slip_rate: float, rng: Random) -> list[tuple[str, bool]]:
    """Calculations as they occur in chains, all of them right; the results are to be learned."""
    lines = _lines(plans, slip_rate, rng)
    return [part for _ in range(LINES) for part in next(lines)]


def _lines(plans: Sequence[Plan], slip_rate: float, rng: Random) -> Iterator[list[tuple[str, bool]]]:
    while True:
        plan = rng.choice(plans)
        slip = maybe_slip(plan, slip_rate, rng)
        done = run(plan, None if slip is not None and slip.kind == "calculate" else slip)
        assert done is not None, "slips keep a chain in range"  # noqa: S101
        for line in done[1]:
            yield [(f"{line.left}{line.op}{line.right}=", False), (f"{line.result}.\n", True)]


def lookups(rng: Random) -> list[tuple[str, bool]]:
    """A benchmark's options and the letters of some values, in the benchmark's form; the letters are to be learned."""
    bench = rng.choice(CHOICE)
    before, after = CLOSINGS[STYLES[bench]]
    parts = [(f"{listed(bench)}\n", False)]
    for _ in range(LOOKUPS):
        value = int("".join(str(rng.randint(1, 9)) for _ in range(rng.choice((2, 2, 3)))))
        parts += [(f"={value}.{before}", False), (letter(bench, value), True), (f"{after}\n", False)]
    return parts


def encode_drill(tokenizer: PreTrainedTokenizerFast, parts: Sequence[tuple[str, bool]]) -> Sample:
    """One row; a token is learned if it starts in a part that is to be learned."""
    text = "".join(part for part, _ in parts)
    learned = [flag for part, flag in parts for _ in part]
    encoded = tokenizer(text, return_offsets_mapping=True)
    # " B" starts with the space before the letter, so a token's last character decides.
    return Sample(tuple(encoded["input_ids"]), tuple(learned[end - 1] for _, end in encoded["offset_mapping"]))
