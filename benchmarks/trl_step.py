"""GRPOTrainer of TRL, which makes one rollout step each time it is asked to. It runs in TRL's own environment.

`trl_speed.py` starts this program and talks to it in lines of JSON. The first line says what is trained, on which
problems and how (``main`` lists the keys). After that each line that comes in asks for one more rollout step, which is
one generation and its optimizer updates, and each line that goes out says what the last step took.

Nothing of TRL is changed. It reads the base model's own processor and chat template, and the images are in the column
``images`` of the data set, as its documentation of models that see asks for.
"""

from __future__ import annotations

import base64
import io
import json
import sys
import time
from typing import Any, TextIO

import accelerate
import datasets
import peft
import torch
import transformers
import trl
from peft import LoraConfig
from PIL import Image
from trl import GRPOConfig, GRPOTrainer

VERSIONS = {module.__name__: module.__version__ for module in (trl, torch, transformers, peft, accelerate, datasets)}


class Turns(transformers.TrainerCallback):
    """Waits until it is asked for a step of ``updates`` optimizer updates, and then says what the step took."""

    def __init__(self, updates: int, out: TextIO) -> None:
        self.updates, self.out = updates, out
        self.tokens, self.read_before, self.started = 0, 0, (0.0, 0.0)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401
        """All is loaded."""
        self._say({"versions": VERSIONS})
        self._wait()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401
        """After an optimizer update; the last one of a step ends it."""
        if state.global_step % self.updates:
            return
        wall, processor = (now - start for now, start in zip(clocks(), self.started, strict=True))
        read = int(state.num_input_tokens_seen)
        prompt_tokens = read - self.read_before - self.tokens
        self._say({"wall": wall, "processor": processor, "tokens": self.tokens, "prompt_tokens": prompt_tokens})
        self.tokens, self.read_before = 0, read
        if state.global_step < state.max_steps:
            self._wait()

    def _say(self, what: dict[str, Any]) -> None:
        print(json.dumps(what), file=self.out, flush=True)

    def _wait(self) -> None:
        if not sys.stdin.readline():
            raise SystemExit("the program that asks for steps has ended")
        self.started = clocks()


def clocks() -> tuple[float, float]:
    """Seconds of the clock on the wall, and of a processor of this process."""
    return time.perf_counter(), time.process_time()


def boxed(text: str) -> str | None:
    r"""What the last ``\boxed{...}`` holds, if it holds no braces; the micro world's answers are plain numbers."""
    _, mark, rest = text.rpartition(r"\boxed{")
    inside, closed, _ = rest.partition("}")
    return inside.strip() if mark and closed else None


def row(problem: dict[str, str]) -> dict[str, Any]:
    """A row of the data set."""
    image = Image.open(io.BytesIO(base64.b64decode(problem["image"]))).convert("RGB")
    return {
        "prompt": [{"role": "user", "content": problem["text"]}], "images": [image], "answer": problem["answer"]
    }  # fmt: skip


def config(told: dict[str, Any]) -> GRPOConfig:
    """TRL's settings. Whatever is not told or named here is TRL's default."""
    generation: dict[str, Any] = {"suppress_tokens": told["barred"]}
    if told["equal_length"]:
        generation["min_new_tokens"] = told["max_response"]
    return GRPOConfig(
        output_dir=told["folder"],
        model_init_kwargs={"dtype": "float32"},
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        per_device_train_batch_size=told["minibatch"],
        steps_per_generation=told["updates"],
        gradient_accumulation_steps=1,
        num_generations=told["group_size"],
        max_completion_length=told["max_response"],
        max_steps=told["steps"] * told["updates"],
        generation_kwargs=generation,
        temperature=1.0,
        beta=0.0,
        epsilon=told["clip_low"],
        epsilon_high=told["clip_high"],
        learning_rate=told["lr"],
        lr_scheduler_type="cosine",
        warmup_steps=told["warmup_updates"],
        weight_decay=told["weight_decay"],
        max_grad_norm=told["grad_clip"],
        shuffle_dataset=False,
        logging_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=told["seed"],
    )


def main() -> None:
    """Read what to train from the first line, and train."""
    out, sys.stdout = sys.stdout, sys.stderr  # what libraries print must not mix with the lines of JSON
    told = json.loads(sys.stdin.readline())
    torch.set_num_threads(1)
    turns = Turns(told["updates"], out)

    def reward(completions: list[Any], completion_ids: list[list[int]], answer: list[str], **_: Any) -> list[float]:  # noqa: ANN401
        turns.tokens += sum(len(ids) for ids in completion_ids)
        if told["equal_length"]:
            return [float(i % 2 == 0) for i in range(len(completions))]
        texts = [completion[0]["content"] for completion in completions]
        return [float(boxed(text) == right) for text, right in zip(texts, answer, strict=True)]

    lora = LoraConfig(
        r=told["lora_rank"], lora_alpha=told["lora_alpha"], lora_dropout=0.0, target_modules=told["lora_layers"],
        exclude_modules=r".*visual.*", task_type="CAUSAL_LM",
    )  # fmt: skip
    GRPOTrainer(
        model=told["base"],
        reward_funcs=reward,
        args=config(told),
        train_dataset=datasets.Dataset.from_list([row(problem) for problem in told["problems"]]),
        peft_config=lora,
        callbacks=[turns],
    ).train()


if __name__ == "__main__":
    main()
