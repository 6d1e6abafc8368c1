"""What a base model reads: noisy, often hinted demonstrations in the training prompt, and the benchmarks' formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from transformers import PreTrainedTokenizerFast

from methods.contexts import IMAGE_MARK, Style, teacher_prompt
from methods.micro.demonstration import chain, close
from methods.micro.model import IMAGE_TOKENS
from methods.micro.plan import answer, draw_slip
from methods.micro.problems import Problem
from methods.micro.settings import MicroSettings
from methods.references import Reference


@dataclass(frozen=True)
class Sample:
    """One text to learn: loss on the response only."""

    image: int  # row of the feature table
    prompt: tuple[int, ...]
    response: tuple[int, ...]  # through the end-of-turn token


class Sampler:
    """Draws samples; the same seed gives the same sequence of them."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        problems: Sequence[Problem],
        formats: Sequence[Sample],
        settings: MicroSettings,
    ) -> None:
        self.tokenizer, self.problems, self.formats, self.settings = tokenizer, problems, formats, settings
        self.rng = Random(f"samples-{settings.seed}")  # noqa: S311 - not for secrets
        self.context = lru_cache(maxsize=2**14)(self._context)

    def draw(self, count: int) -> list[Sample]:
        """``count`` samples, a share ``bench_rate`` of them in the benchmarks' formats."""
        return [self._format() if self.rng.random() < self.settings.bench_rate else self._demo() for _ in range(count)]

    def _format(self) -> Sample:
        return self.rng.choice(self.formats)

    def _demo(self) -> Sample:
        """A demonstration with at most one slip; hinted, its context carries its own final answer, right or wrong."""
        image = self.rng.randrange(len(self.problems))
        problem = self.problems[image]
        slip = draw_slip(problem.plan, self.rng) if self.rng.random() < self.settings.slip_rate else None
        demonstration = close(chain(problem.plan, slip), str(answer(problem.plan, slip)), "boxed")
        hinted = self.rng.random() < self.settings.hint_rate
        style: Style = "inline" if self.rng.random() < 0.5 else "user_turn"
        prompt = self.context(problem.question, demonstration.final if hinted else None, style)
        return Sample(image, prompt, encode_response(self.tokenizer, demonstration.text))

    def _context(self, question: str, hint: str | None, style: Style) -> tuple[int, ...]:
        reference = None if hint is None else Reference(text=hint)
        text = IMAGE_MARK + question
        return tuple(teacher_prompt(self.tokenizer, text, "math_short", [IMAGE_TOKENS], reference, style))


def encode_response(tokenizer: PreTrainedTokenizerFast, text: str) -> tuple[int, ...]:
    """Response ids, end-of-turn token included."""
    ids = tokenizer.encode(f"{text}{tokenizer.eos_token}", add_special_tokens=False)
    return tuple(ids)
