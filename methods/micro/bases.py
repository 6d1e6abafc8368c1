"""Builds a base model of the micro world: tokenizer, processor, a tiny Qwen3-VL, then its training."""

from __future__ import annotations

from pathlib import Path

from methods.contexts import ANSWER_SENTENCE, MATH_SHORT
from methods.micro.demonstration import chain, close
from methods.micro.families import TRAINING
from methods.micro.model import build_model, build_processor, save
from methods.micro.plan import answer
from methods.micro.problems import draw_problems
from methods.micro.settings import MicroSettings
from methods.micro.tokenizer import train_tokenizer


def build_base(settings: MicroSettings, scale: str, folder: Path, progress: Path) -> dict[str, object]:
    """Writes the Hugging Face folder of base ``scale`` and returns the report of how it was built."""
    problems = draw_problems(list(TRAINING.values()), "base", 2000, settings.seed)
    texts = [p.question for p in problems]
    texts += [close(chain(p.plan, None), str(answer(p.plan)), "boxed").text for p in problems]
    texts += [ANSWER_SENTENCE, "<|im_start|>system\nuser\nassistant\n"] * 20
    tokenizer = train_tokenizer(texts, [MATH_SHORT], settings.vocabulary)
    model = build_model(settings.shapes[scale], tokenizer, settings.seed)
    save(model, build_processor(tokenizer), folder)
    return {"scale": scale, "parameters": sum(p.numel() for p in model.parameters())}
