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
from methods.micro.solution_plan import Plan, Slip, Slips, answer, draw_slip, scramble
from methods.shared.contexts import IMAGE_MARK, Style, teacher_prompt
from methods.shared.references import Reference

# Given its final answer, how likely a chain is does not depend on how many chains slip; wrong ones teach more.
HINTED_SLIP_RATE = 0.7
# Share of hints that are the answer of another chain to the same problem. A teacher meets such pairs: a wrong rollout
# beside the right answer. They teach a model to calculate on after a slip and not to write what it was shown.
STRAY_RATE = 0.08
# Share of hinted demonstrations at the start of training whose results are any digits, so that only the hint tells
# them: this is how a model finds out early that hints can be read. It falls to 0 half way.
SCRAMBLED = 0.8
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

    def draw(self, rng: Random, progress: float = 1.0) -> Sample:
        """A demonstration; hinted, its context carries a final answer, nearly always its own.

        It has at most one slip. ``progress`` is the share of training that is done: early on some are scrambled.
        """
        image = rng.randrange(len(self.problems))
        plan = self.problems[image].plan
        hinted = rng.random() < self.settings.hint_rate
        slip, shown = self._slips(plan, progress, rng, hinted)
        demonstration = close(chain(plan, slip, rng), str(answer(plan, slip)), "boxed")
        style: Style = "inline" if rng.random() < 0.5 else "user_turn"
        prompt = self.context(self.problems[image].question, str(answer(plan, shown)) if hinted else None, style)
        return answered(prompt, encode_response(self.tokenizer, demonstration.text), image)

    def _slips(self, plan: Plan, progress: float, rng: Random, hinted: bool) -> tuple[Slips, Slips]:
        """What goes wrong in a demonstration, and what gave the answer that a hint shows."""
        if not hinted:
            return maybe_slip(plan, self.settings.slip_rate, rng), None
        if rng.random() < SCRAMBLED * (1 - 2 * progress):
            return (scrambled := scramble(plan, rng)), scrambled
        slip = maybe_slip(plan, HINTED_SLIP_RATE, rng)
        return slip, maybe_slip(plan, 0.5, rng) if rng.random() < STRAY_RATE else slip

    def _context(self, question: str, hint: str | None, style: Style) -> list[int]:
        reference = None if hint is None else Reference(text=hint)
        return teacher_prompt(self.tokenizer, IMAGE_MARK + question, "math_short", [IMAGE_TOKENS], reference, style)


@dataclass(frozen=True)
class Exchange:
    """A problem in a benchmark's format, before a tokenizer exists; its responses are drawn again and again."""

    item: Item
    turns: list[dict]

    def respond(self, slip_rate: float, rng: Random) -> str:
        """A demonstration as the benchmark's scorer parses it."""
        plan = self.item.problem.plan
        slip = maybe_slip(plan, slip_rate, rng)
        return close(chain(plan, slip, rng), self.item.final(answer(plan, slip)), STYLES[self.item.bench]).text


def draw_exchanges(count: int, settings: MicroSettings) -> list[Exchange]:
    """``count`` problems, the benchmarks in turn; none has the numbers of a benchmark's own item."""
    rng = Random(f"exchanges-{settings.seed}")  # noqa: S311 - not for secrets
    benches = list(FAMILIES)
    return [_exchange(benches[i % len(benches)], i, rng) for i in range(count)]


def _exchange(bench: Bench, number: int, rng: Random) -> Exchange:
    family = rng.choice(list(FAMILIES[bench].values()))
    key, problem = rng.choice(questions(bench, family, draw_numbers(family, "base", rng), number))
    item = Item(bench, problem, key)
    return Exchange(item, messages(bench, row(item, number, BLANK)))


class Formats:
    """Demonstrations in the benchmarks' formats; their diagrams are the rows of the feature table from ``first`` on."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, exchanges: Sequence[Exchange], first: int) -> None:
        self.tokenizer, self.exchanges, self.first = tokenizer, exchanges, first
        self.prompts = [prompt_ids(tokenizer, one.turns) for one in exchanges]

    def draw(self, slip_rate: float, rng: Random) -> Sample:
        """A demonstration with at most one slip."""
        i = rng.randrange(len(self.exchanges))
        response = encode_response(self.tokenizer, self.exchanges[i].respond(slip_rate, rng))
        return answered(self.prompts[i], response, self.first + i)
