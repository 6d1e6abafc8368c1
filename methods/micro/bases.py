"""Builds a base model of the micro world: tokenizer, processor, a tiny Qwen3-VL, then its two stages of training."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from methods.micro.demonstration import chain, close
from methods.micro.drills import calculations, encode_drill, lookups
from methods.micro.families.training import TRAINING
from methods.micro.formats import instructions
from methods.micro.language import train_language
from methods.micro.model import build_model, build_processor, save
from methods.micro.problems import DrawnProblem, draw_problems
from methods.micro.samples import Exchange, Formats, Sample, Solutions, draw_exchanges
from methods.micro.settings import MicroSettings
from methods.micro.solution_plan import answer
from methods.micro.tokenizer import PreTrainedTokenizerFast, train_tokenizer
from methods.micro.vision import look_at_all, train_vision
from methods.shared.contexts import ANSWER_SENTENCE

REPORT_EVERY = 20  # steps between two lines of the progress file


class Reporter:
    """Appends a JSON line to the progress file every :data:`REPORT_EVERY` steps of either stage."""

    def __init__(self, path: Path, total: int) -> None:
        self.path, self.total, self.done, self.start = path, total, 0, time.perf_counter()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    def stage(self, name: str, step: int, loss: float) -> None:
        """Called after every step of the stage ``name``."""
        self.done += 1
        if self.done % REPORT_EVERY == 0 or self.done == self.total:
            seconds = round(time.perf_counter() - self.start, 2)
            line = {"step": self.done, "of": self.total, "stage": name, "loss": round(loss, 4), "seconds": seconds}
            with self.path.open("a") as file:
                file.write(json.dumps(line) + "\n")


def corpus(problems: Sequence[DrawnProblem], exchanges: Sequence[Exchange]) -> list[str]:
    """The text that the tokenizer learns its words from."""
    rng = Random("corpus")  # noqa: S311 - not for secrets
    texts = [
        text
        for p in problems
        for text in (p.question, close(chain(p.plan, None, rng), str(answer(p.plan)), "boxed").text)
    ]
    for one in exchanges:
        texts += [part["text"] for turn in one.turns for part in turn["content"] if part["type"] == "text"]
        texts.append(one.respond(0.0, rng))
    return [*texts, *[ANSWER_SENTENCE, "system\nuser\nassistant\n"] * 100]


def sampler(
    tokenizer: PreTrainedTokenizerFast,
    problems: Sequence[DrawnProblem],
    exchanges: Sequence[Exchange],
    settings: MicroSettings,
    scale: str,
) -> Callable[[int], list[Sample]]:
    """The samples of each step: demonstrations, a share of them in the benchmarks' formats, and drills."""
    budget = settings.training[scale]
    solutions = Solutions(tokenizer, problems, settings)
    formats = Formats(tokenizer, exchanges, len(problems))
    plans = [p.plan for p in problems] + [one.item.problem.plan for one in exchanges]

    def samples(step: int) -> list[Sample]:
        rng = Random(f"samples-{settings.seed}-{step}")  # noqa: S311 - not for secrets
        in_format = sum(rng.random() < settings.bench_rate for _ in range(budget.batch))
        return [
            *(formats.draw(settings.slip_rate, rng) for _ in range(in_format)),
            *(solutions.draw(rng, step / budget.steps) for _ in range(budget.batch - in_format)),
            *(
                encode_drill(tokenizer, calculations(plans, settings.slip_rate, rng))
                for _ in range(budget.calculations)
            ),
            *(encode_drill(tokenizer, lookups(rng)) for _ in range(budget.lookups)),
        ]

    return samples


def build_base(settings: MicroSettings, scale: str, folder: Path, progress: Path) -> dict[str, object]:
    """Writes the Hugging Face folder of base ``scale`` and returns the report of how it was built."""
    start, budget = time.perf_counter(), settings.training[scale]
    reporter = Reporter(progress, budget.vision_steps + budget.steps)
    problems = draw_problems(list(TRAINING.values()), "base", settings.pool, settings.seed)
    exchanges = draw_exchanges(settings.bench_pool, settings)
    tokenizer = train_tokenizer(corpus(problems[:2000], exchanges[:2000]), instructions(), settings.vocabulary)
    model = build_model(settings.shapes[scale], tokenizer, settings.seed)
    canvases = [p.canvas for p in problems] + [one.item.problem.canvas for one in exchanges]
    glyphs = train_vision(model, canvases, budget, settings.seed, lambda s, x: reporter.stage("vision", s, x))
    loss = None
    if budget.steps:
        samples = sampler(tokenizer, problems, exchanges, settings, scale)
        features = look_at_all(model, canvases)
        loss = train_language(model, features, samples, budget, lambda s, x: reporter.stage("language", s, x))
    save(model, build_processor(tokenizer), folder)
    return {
        "scale": scale,
        "parameters": sum(p.numel() for p in model.parameters()),
        "glyph_accuracy": glyphs,
        "loss": loss,
        "seconds": round(time.perf_counter() - start, 1),
    }
