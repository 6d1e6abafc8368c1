"""Builds a base model of the micro world: tokenizer, processor, a tiny Qwen3-VL, then its two stages of training."""

from __future__ import annotations

import json
import time
from pathlib import Path

from methods.contexts import ANSWER_SENTENCE, MATH_SHORT
from methods.micro.demonstration import chain, close
from methods.micro.families import TRAINING
from methods.micro.language import train_language
from methods.micro.model import build_model, build_processor, save
from methods.micro.plan import answer
from methods.micro.problems import draw_problems
from methods.micro.samples import Sampler
from methods.micro.settings import MicroSettings
from methods.micro.tokenizer import train_tokenizer
from methods.micro.vision import look_at_all, train_vision

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


def build_base(settings: MicroSettings, scale: str, folder: Path, progress: Path) -> dict[str, object]:
    """Writes the Hugging Face folder of base ``scale`` and returns the report of how it was built."""
    start, budget = time.perf_counter(), settings.training[scale]
    reporter = Reporter(progress, budget.vision_steps + budget.steps)
    problems = draw_problems(list(TRAINING.values()), "base", settings.pool, settings.seed)
    texts = [p.question for p in problems[:2000]]
    texts += [close(chain(p.plan, None), str(answer(p.plan)), "boxed").text for p in problems[:2000]]
    texts += [ANSWER_SENTENCE, "<|im_start|>system\nuser\nassistant\n"] * 20
    tokenizer = train_tokenizer(texts, [MATH_SHORT], settings.vocabulary)
    model = build_model(settings.shapes[scale], tokenizer, settings.seed)
    canvases = [p.canvas for p in problems]
    glyphs = train_vision(model, canvases, budget, settings.seed, lambda s, x: reporter.stage("vision", s, x))
    sampler = Sampler(tokenizer, problems, [], settings)
    features = look_at_all(model, canvases)
    loss = train_language(model, features, sampler, budget, lambda s, x: reporter.stage("language", s, x))
    save(model, build_processor(tokenizer), folder)
    return {
        "scale": scale,
        "parameters": sum(p.numel() for p in model.parameters()),
        "glyph_accuracy": glyphs,
        "loss": loss,
        "seconds": round(time.perf_counter() - start, 1),
    }
