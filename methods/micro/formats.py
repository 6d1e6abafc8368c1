"""Prompts of the benchmarks, rendered by lmms-eval's own functions, and the sentences they repeat."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import yaml
from transformers import PreTrainedTokenizerFast

from evals.benchmarks import BENCHMARKS
from evals.tasks import upstream_tasks
from methods.micro.benchmarks import SELECT, listed
from methods.micro.items import CHOICE, Bench
from methods.micro.model import IMAGE_TOKENS
from methods.shared.contexts import IMAGE_PAD, MATH_SHORT

Messages = list[dict[str, Any]]


class _TaskLoader(yaml.SafeLoader):
    """Reads a task's YAML; references to functions become None."""


_TaskLoader.add_multi_constructor("!function", lambda loader, suffix, node: None)


@cache
def _task(bench: Bench) -> tuple[ModuleType, dict[str, Any]]:
    """The module beside a task's YAML that words its prompts, and the default arguments the YAML gives it."""
    path = BENCHMARKS[bench].yaml
    config = yaml.load((upstream_tasks() / path).read_text(), _TaskLoader)  # noqa: S506 - a SafeLoader
    folder = path.rpartition("/")[0].replace("/", ".")
    return import_module(f"lmms_eval.tasks.{folder}.utils"), (config.get("lmms_eval_specific_kwargs") or {}).get(
        "default", {}
    )


def messages(bench: Bench, doc: dict[str, Any]) -> Messages:
    """The chat turns lmms-eval sends for one row, its images decoded."""
    module, arguments = _task(bench)
    if bench == "dynamath":
        return module.dynamath_doc_to_messages_cot(doc, arguments)
    if bench == "logicvista":
        return module.logicvista_doc_to_messages_cot(doc, arguments)
    if bench == "wemath":
        return module.wemath_doc_to_messages_cot(doc, arguments)
    if bench == "mmmu":
        return module.mmmu_doc_to_messages(doc, arguments)
    # MathVision has no function for messages; lmms-eval then sends the images before the text.
    content = [{"type": "image", "url": image} for image in module.mathvision_doc_to_visual(doc)]
    return [
        {"role": "user", "content": [*content, {"type": "text", "text": module.mathvision_doc_to_text(doc, arguments)}]}
    ]


def instructions() -> list[str]:
    """The sentences that all prompts of a format repeat; each becomes one word of the tokenizer."""
    mathvision, arguments = _task("mathvision")
    bare = mathvision.mathvision_doc_to_text({"question": "", "options": []}, arguments)
    system = [_task(bench)[0].SYSTEM_PROMPT for bench in ("dynamath", "logicvista", "wemath")]
    direct = _task("mmmu")[1]["multiple_choice_prompt"]
    return list(dict.fromkeys([MATH_SHORT, *system, bare, direct, SELECT, *map(listed, CHOICE)]))


def prompt_ids(tokenizer: PreTrainedTokenizerFast, turns: Messages) -> list[int]:
    """Ids of a prompt whose images are 64 x 64 diagrams, ending in the assistant header."""
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return tokenizer.encode(str(text).replace(IMAGE_PAD, IMAGE_PAD * IMAGE_TOKENS), add_special_tokens=False)
