"""What a base model reads: noisy, often hinted demonstrations, the benchmarks' formats, and plain calculations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from PIL import Image
from transformers import PreTrainedTokenizerFast

from methods.micro.benchmarks import row
from methods.micro.demonstration import chain, close
from methods.micro.formats import messages, prompt_ids
from methods.micro.items import FAMILIES, STYLES, Bench, Item, questions
from methods.micro.model import IMAGE_TOKENS
from methods.micro.problems import DrawnProblem, draw_numbers
from methods.micro.settings import MicroSettings
from methods.micro.solution_plan import Plan, Slip, answer, draw_slip
from methods.shared.contexts import IMAGE_MARK, Style, teacher_prompt
from methods.shared.references import Reference

# Given its final answer, how likely a chain is does not depend on how many chains slip; wrong ones teach more.
HINTED_SLIP_RATE = 0.8
BLANK = Image.new("RGB", (8, 8))  # stands for a diagram where only the words of a prompt are wanted


@dataclass(frozen=True)
class Sample:
    """One text to learn; ``learned`` marks the tokens with a loss."""

    tokens: tuple[int, ...]
    learned: tuple[bool, ...]
    image: int | None = None  # row of the feature table


def answered(prompt: Sequence[int], response: Sequence[int], image: int) -> Sample:
    """A prompt and its response, with loss on the response only."""
    return Sample((*prompt, *response), (False,) * len(prompt) + (True,) * len(response), image)


def maybe_slip(plan: Plan, rate: float, rng: Random) -> Slip | None:
    """A slip with probability ``rate``."""
    return draw_slip(plan, rng) if rng.random() < rate else None


def encode_response(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Response ids, end-of-turn token included."""
    return tokenizer.encode(f"{text}{tokenizer.eos_token}", add_special_tokens=False)


class Solutions:
    """Demonstrations for problems of the training families, in the prompt that reinforcement learning uses."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, problems: Sequence[DrawnProblem], settings: MicroSettings
    ) -> None:
        self.tokenizer, self.problems, self.settings = tokenizer, problems, settings
        self.context = lru_cache(maxsize=2**14)(self._context)

    def draw(self, rng: Random) -> Sample:
        """A demonstration with at most one slip; hinted, its context carries its own final answer, right or wrong."""
        image = rng.randrange(len(self.problems))
        problem = self.problems[image]
        hinted = rng.random() < self.settings.hint_rate
        slip = maybe_slip(problem.plan, HINTED_SLIP_RATE if hinted else self.settings.slip_rate, rng)
        demonstration = close(chain(problem.plan, slip), str(answer(problem.plan, slip)), "boxed")
        style: Style = "inline" if rng.random() < 0.5 else "user_turn"
        prompt = self.context(problem.question, demonstration.final if hinted else None, style)
        return answered(prompt, encode_response(self.tokenizer, demonstration.text), image)

    def _context(self, question: str, hint: str | None, style: Style) -> list[int]:
        reference = None if hint is None else Reference(text=hint)
        return teacher_prompt(self.tokenizer, IMAGE_MARK + question, "math_short", [IMAGE_TOKENS], reference, style)


@dataclass(frozen=True)
class Exchange:
    """A demonstration in a benchmark's format, before a tokenizer exists."""

    bench: Bench
    problem: DrawnProblem
    turns: list[dict]
    response: str


def draw_exchanges(count: int, settings: MicroSettings) -> list[Exchange]:
    """``count`` demonstrations, the benchmarks in turn; none has the numbers of a benchmark's own item."""
    rng = Random(f"exchanges-{settings.seed}")  # noqa: S311 - not for secrets
    benches = list(FAMILIES)
    return [_exchange(benches[i % len(benches)], i, settings.slip_rate, rng) for i in range(count)]


def _exchange(bench: Bench, number: int, slip_rate: float, rng: Random) -> Exchange:
    family = rng.choice(list(FAMILIES[bench].values()))
    key, problem = rng.choice(questions(bench, family, draw_numbers(family, "base", rng), number))
    slip = maybe_slip(problem.plan, slip_rate, rng)
    item = Item(bench, problem, key)
    final = item.final(answer(problem.plan, slip))
    response = close(chain(problem.plan, slip), final, STYLES[bench]).text
    return Exchange(bench, problem, messages(bench, row(item, number, BLANK)), response)


def encode_exchanges(
    tokenizer: PreTrainedTokenizerFast, exchanges: Sequence[Exchange], first_image: int
) -> list[Sample]:
    """Samples whose diagrams are the rows of the feature table from ``first_image`` on."""
    return [
        answered(prompt_ids(tokenizer, one.turns), encode_response(tokenizer, one.response), first_image + i)
        for i, one in enumerate(exchanges)
    ]
