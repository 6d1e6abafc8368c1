"""Sampling settings, followed to the tensors that vLLM's sampler works with."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

from transformers import AutoProcessor

from evals.benchmarks import BENCHMARKS
from methods.shared.vllm import BIAS, environment
from tests.helpers.eval_fixtures import write_benchmarks
from tests.vllm.worlds import World

COUNT = 3  # questions of each benchmark
PROBE = Path(__file__).with_name("probe.py")


def seed_of(task: str, row: int) -> int:
    """Of a question, with seed 0 of the evaluation and 1 of the cell."""
    return int.from_bytes(hashlib.sha256(f"evaluation/0/1/{task}/{row}".encode()).digest()[:7], "big")


def test_the_papers_settings_reach_the_sampler(tiny_base: Path, python: str, tmp_path: Path):
    """On random weights, where every token is about as likely: what is barred would be drawn."""
    world = World(tmp_path, python)
    asked = {"temperature": 1.25, "top_p": 0.75, "top_k": 40, "presence_penalty": 2.0, "max_new_tokens": 24}
    job = world.job(tmp_path, world.settings(**asked), base=tiny_base, benchmarks=write_benchmarks(tmp_path, COUNT))
    (tmp_path / "job.json").write_text(job.model_dump_json())
    command = [python, "-P", str(PROBE), str(tmp_path / "job.json"), str(tmp_path / "seen.json")]
    done = subprocess.run(command, env=environment("cpu"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen["temperature"] == [1.25] and seen["top_p"] == [0.75] and seen["top_k"] == [40]
    assert seen["presence_penalty"] == [2.0]
    assert seen["frequency_penalty"] == [0.0] and seen["repetition_penalty"] == [1.0]
    assert set(seen["seeds"]) == {seed_of(bench.task, row) for bench in BENCHMARKS.values() for row in range(COUNT)}
    (bias,) = seen["biases"]
    barred = {token for token, value in bias if value == BIAS}
    tokenizer = AutoProcessor.from_pretrained(tiny_base).tokenizer
    wanted = {"<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>", "<|im_start|>"}
    assert set(tokenizer.convert_tokens_to_ids(sorted(wanted))) <= barred
    assert tokenizer.convert_tokens_to_ids("<|im_end|>") not in barred
    assert barred.isdisjoint(seen["drawn"]) and len(seen["drawn"]) > 20
    report = json.loads((tmp_path / "lmms" / "generation.json").read_text())
    assert {name: report["sampler"]["held"][name] for name in asked} == asked == report["settings"]
