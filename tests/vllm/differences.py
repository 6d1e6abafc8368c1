"""Why two greedy answers differ: how far apart the model holds the two tokens at which they part."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from lmms_eval.protocol import ChatMessages

from evals.benchmarks import BENCHMARKS
from evals.harness import Scoring, load_tasks
from evals.local_model import CepoLocal


def gaps(
    base: Path, adapter: Path | None, benchmarks: dict[str, Path], cases: list[tuple[str, int, str, str]]
) -> list[float]:
    """Nats between the two tokens, per case: benchmark, row, one answer, the other. In float32 on the HF path."""
    if not cases:
        return []
    with tempfile.TemporaryDirectory() as folder, closing(Scoring()) as scoring:
        tasks = {task.config.task: task for task in load_tasks(benchmarks, Path(folder), scoring)[0]}
        model = CepoLocal(str(base), None if adapter is None else str(adapter))
        return [gap(model, tasks[BENCHMARKS[name].task], row, one, other) for name, row, one, other in cases]


@torch.inference_mode()
def gap(model: CepoLocal, task: Any, row: int, one: str, other: str) -> float:
    tokens = [[*model.processor.tokenizer(text)["input_ids"], model.ends[0]] for text in (one, other)]
    place = next(i for i, (a, b) in enumerate(zip(*tokens, strict=False)) if a != b)
    logp = next_token(model, task, row, tokens[0][:place])
    return abs(float(logp[tokens[0][place]] - logp[tokens[1][place]]))


def next_token(model: CepoLocal, task: Any, row: int, begun: list[int]) -> torch.Tensor:
    """Log-probs (V) of the token after ``begun`` in the answer to a question."""
    split = task.config.test_split or task.config.validation_split
    chat = ChatMessages(messages=task.doc_to_messages(task.dataset[split][row]))
    messages, images = chat.to_hf_messages(), chat.extract_media()[0]
    text = model.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    inputs = dict(model.processor(text=[text], images=images or None, return_tensors="pt"))
    for name, value in (
        ("input_ids", begun),
        ("attention_mask", [1] * len(begun)),
        ("mm_token_type_ids", [0] * len(begun)),
    ):
        if name in inputs:
            inputs[name] = torch.cat([inputs[name], torch.tensor([value], dtype=inputs[name].dtype)], dim=1)
    return model.model(**inputs).logits[0, -1].log_softmax(-1)
