"""Part ``engine`` of gpu_check.py: updates of the local engine in bfloat16, at the shape of Qwen3-VL-2B.

Weights are random and the tokenizer is the micro world's, since nothing can be downloaded. The language model has
Qwen3-VL-2B's shape; the vision tower is the micro world's small one, which runs once an image and is not trained.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from gpu_row import Row, Watch, watched
from PIL import Image
from transformers import AutoConfig, AutoModelForImageTextToText

from contracts.paths import ROOT
from contracts.records import Cell
from methods.base import load_method
from methods.engines.local.experience import Experience
from methods.engines.local.passes import autocast, chunks, token_logp
from methods.engines.local.peak_memory import TextShape, update_peak
from methods.engines.local.policy import Policy
from methods.engines.local.sample import Sampling
from methods.engines.local.teacher_weights import learning
from methods.engines.local.train import Trainer
from methods.engines.local.update import Update
from methods.engines.local.vllm.rollout import assemble, score
from methods.engines.shared.problems import Problem
from methods.engines.shared.prompts import Prompt
from methods.engines.shared.responses import Responses
from methods.engines.shared.settings import SharedSettings
from methods.shared.rewards import Grader

DONOR = ROOT / "results" / "bases" / "micro" / "small" / "s1" / "model"  # of tokenizer, processor, vision tower
QWEN3_VL_2B = {
    "hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28, "num_attention_heads": 16,
    "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151936,
    "rope_parameters": {"rope_type": "default", "mrope_section": [24, 20, 20], "mrope_interleaved": True,
                        "rope_theta": 5e6},
}  # fmt: skip
METHODS = ("grpo", "cepo", "opsd", "sdpo")
RIGHT, WRONG = "7", "8"
FILLER = "so the sum is 12 . "


def engine_rows(device: str, small: bool, folder: Path) -> Iterator[Row]:
    """For each method and micro-batch: seconds, measured and computed memory of an update, its first ratio."""
    base = random_base(folder / "model", {} if small else QWEN3_VL_2B, device)
    length, pixels = (12, None) if small else (2048, 256 * 16**2)  # 256 vision tokens
    with Grader() as grader:
        for name in METHODS[1:3] if small else METHODS:
            trainer = make_trainer(name, device, base, length, pixels, grader, folder)
            for micro_batch in (1, 4):
                trainer.gatherer.size = micro_batch
                trainer.settings = trainer.settings.model_copy(update={"micro_batch": micro_batch})
                trainer.step(0)
                what = f"{name}, {micro_batch} of 8 rollouts of {length} tokens at a time"
                row = Row("engine", what, trainer.watch, trainer.computed_gb)
                if trainer.first_ratio is not None:
                    row = replace(row, meaning="first ratio, distance to 1", value=trainer.first_ratio, most=0.02)
                yield row
            del trainer


def random_base(folder: Path, text: dict[str, Any], device: str) -> Path:
    """A model folder with random bfloat16 weights; ``text``: what differs from the donor's language model."""
    shutil.copytree(DONOR, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    config = json.loads((folder / "config.json").read_text())
    config["text_config"] |= text
    config["vision_config"]["out_hidden_size"] = config["text_config"]["hidden_size"]
    (folder / "config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    with torch.device(device):
        model = AutoModelForImageTextToText.from_config(AutoConfig.from_pretrained(folder), dtype=torch.bfloat16)
    model.save_pretrained(folder, safe_serialization=True)
    return folder


class WatchedTrainer(Trainer):
    """A trainer that measures its updates."""

    watch: Watch
    first_ratio: float | None
    computed_gb: float

    def _updates(self, experience: Experience, step: int) -> tuple[list[Update], torch.Tensor]:
        matching = self.method.matches_distributions
        self.first_ratio = None if matching else first_ratio(self, experience)
        self.computed_gb = self._computed(experience, "matching" if matching else "credit")
        with watched(self.policy.device.type) as self.watch:
            return super()._updates(experience, step)

    def _computed(self, experience: Experience, kind: str) -> float:
        rows = self.settings.micro_batch
        frozen = sum(p.numel() * p.element_size() for p in self.policy.model.parameters() if not p.requires_grad)
        shape = TextShape.of(self.policy.config.text_config.to_dict())
        tokens = (rows * experience.responses.mask.shape[1], len(experience.contexts[0].ids))
        return update_peak(shape, frozen, self.method.lora_rank, *tokens, kind)["total"]


def first_ratio(trainer: Trainer, experience: Experience) -> float:
    """Largest distance to 1 of the ratio of a token, before the first update has moved anything."""
    policy, method, old = trainer.policy, trainer.method, experience.rollouts.logp["student"]
    rows, most = torch.arange(len(old), device=policy.device), 0.0
    with torch.no_grad(), autocast(policy, method.score_dtype), learning(policy):
        for chunk in chunks(policy, experience.contexts, rows, experience.responses, trainer.settings.micro_batch):
            logp = token_logp(policy, chunk, method.temperature)
            ratio = (logp - old[chunk.rows, : chunk.mask.shape[1]]).exp()
            most = max(most, float((ratio - 1).abs().max()))
    return most


def make_trainer(
    name: str, device: str, base: Path, length: int, pixels: int | None, grader: Grader, folder: Path
) -> WatchedTrainer:
    """A trainer whose rollouts are given, half of each group right; one update a step."""
    options = {"prompts": 1, "minibatch_prompts": 1, "group_size": 8, "max_response": length, "max_prompt": 1024,
               "steps": 1, "warmup_steps": 0}  # fmt: skip
    method = load_method(name, options)
    cell = Cell(
        world="micro", engine="local", device="cuda" if device == "cuda" else "cpu", method=name, scale="2b", seed=1,
        model_name="", options={}, digests={},
    )  # fmt: skip
    settings = SharedSettings(dtype="bfloat16", micro_batch=1, validation_problems=0, kept_groups=0)
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(out, "png")
    problem = Problem("check", "0", "<image>What is x?", RIGHT, (out.getvalue(),), (pixels, None))
    state = folder / name
    state.mkdir()
    return WatchedTrainer(cell, method, base, [problem], state, settings, grader, given_rollouts)


@torch.no_grad()
def given_rollouts(
    policy: Policy, prompts: Sequence[Prompt], sampling: Sampling, seed: int, size: int
) -> Responses:  # fmt: skip
    """A sampler that gives every second response the right answer; all have the largest length."""
    encode = policy.processor.tokenizer.encode
    rows = []
    for i in range(len(prompts) * sampling.copies):
        ending = [*encode(f"\\boxed{{{WRONG if i % 2 else RIGHT}}}", add_special_tokens=False), policy.end_tokens[0]]
        filler = encode(FILLER, add_special_tokens=False) * sampling.max_tokens
        rows.append([*filler[: sampling.max_tokens - len(ending)], *ending])
    made = assemble(policy, prompts, sampling, rows)
    contexts = [prompts[owner] for owner in made.owner.tolist()]
    logp, entropy, _ = score(policy, contexts, made, sampling.temperature, size)
    return replace(made, logp=logp, entropy=entropy)
