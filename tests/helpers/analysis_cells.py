"""Finished cells with random answers, written with the models of records, for the tests of the analysis."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from contracts.paths import ROOT
from contracts.records import BenchScore, Cell, OptionValue, Run, Scores, TrainingStep
from evals.benchmarks import BENCHMARKS
from evals.samples import write_samples
from workflows.lib.config.loading import read_experiments, read_yaml
from workflows.lib.config.method_options import read_methods
from workflows.lib.config.schema import Config, Variant

CONFIGS = ROOT / "workflows" / "configs"
QUESTIONS = 60
GENERATION = {"temperature": 1.0, "top_p": 1.0, "top_k": 40, "presence_penalty": 2.0, "max_new_tokens": 96}
MODELS = {"small": "micro-qwen3vl-0.6M", "large": "micro-qwen3vl-1.1M"}
MICRO = {"lr": 1e-3, "max_response": 64}  # of the micro world
SKILL = {"base": 0.35, "grpo": 0.45, "opsd": 0.02, "sdpo": 0.33, "rlsd": 0.44, "cepo": 0.55}


def write_cell(
    root: Path,
    method: str,
    scale: str = "small",
    seed: int = 1,
    variant: str = "default",
    world: str = "micro",
    skill: float | None = None,
    questions: int = QUESTIONS,
    benchmarks: tuple[str, ...] = tuple(BENCHMARKS),
    changed: Mapping[str, OptionValue] | None = None,
) -> Path:
    """One cell folder: cell.json, eval/, and train.jsonl with run.json unless it is the base; returns its path.

    Its options are the method's defaults with ``changed``; a method that does not exist has none.
    """
    skill = SKILL.get(method, 0.4) if skill is None else skill
    folder = root / method / scale / variant / f"s{seed}"
    (folder / "eval").mkdir(parents=True)
    model = MODELS.get(scale, scale)
    cell = Cell(
        world=world, engine="local", method=method, scale=scale, variant=variant, seed=seed, model_name=model,
        options=options(method, changed or {}), digests={},
    )  # fmt: skip
    (folder / "cell.json").write_text(cell.model_dump_json())
    rows = [row for name in benchmarks for row in answers(name, skill, f"{method}{scale}{variant}{seed}", questions)]
    write_samples(rows, folder / "eval" / "samples.parquet")
    (folder / "eval" / "scores.json").write_text(scores(cell, rows).model_dump_json())
    if method != "base":
        (folder / "run.json").write_text(run(cell).model_dump_json())
        steps = int(cell.options.get("steps", 50))
        lines = [step(number, skill, seed, method).model_dump_json() for number in range(1, steps + 1)]
        (folder / "train.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def options(method: str, changed: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
    """Every option of a method after overrides, as the workflow writes it."""
    if method not in read_methods():
        return dict(changed)
    known = read_methods()[method].options
    return {name: option.default for name, option in known.items()} | {
        name: known[name].parse(value, name) for name, value in changed.items()
    }


def answers(benchmark: str, skill: float, key: str, questions: int) -> list[dict]:
    """Rows of samples.parquet: a question is right with a probability of ``skill`` moved by its difficulty."""
    difficulty = np.random.default_rng(list(benchmark.encode())).normal(0, 1, questions)
    rng = np.random.default_rng(list(f"{key}/{benchmark}".encode()))
    chance = (
        1 / (1 + np.exp(-(np.log(skill / (1 - skill)) + difficulty))) if 0 < skill < 1 else np.full(questions, skill)
    )
    right, parsed, cut = rng.random(questions) < chance, rng.random(questions) < 0.97, rng.random(questions) < 0.02
    return [
        {
            "benchmark": benchmark,
            "id": f"{i:04d}",
            "cluster": f"{i // 10}" if BENCHMARKS[benchmark].cluster else f"{i:04d}",
            "question_hash": hashlib.sha256(f"{benchmark}{i}".encode()).hexdigest(),
            "answer": "1",
            "prediction": "1" if parsed[i] or right[i] else None,
            "response": "\\boxed{1}",
            "correct": float(right[i]),
            "parsed": bool(parsed[i] or right[i]),
            "truncated": bool(cut[i]),
            "tokens": 12,
        }
        for i in range(questions)
    ]


def scores(cell: Cell, rows: list[dict]) -> Scores:
    """Make scores.json for these rows. The analysis does not use its intervals."""
    by_name: dict[str, list[float]] = {}
    for row in rows:
        by_name.setdefault(row["benchmark"], []).append(row["correct"])
    found = {
        name: BenchScore(
            accuracy=float(np.mean(values)), n=len(values), low=0.0, high=1.0, unparsed_rate=0.0, truncated_rate=0.0,
            metric=BENCHMARKS[name].metric,
        )
        for name, values in by_name.items()
    }  # fmt: skip
    average = float(np.mean([score.accuracy for score in found.values()]))
    return Scores(
        cell=cell.name, cell_digest=cell.digest, generation=GENERATION, benchmarks=found, average=average,
        average_low=0.0, average_high=1.0, seconds=1.0,
    )  # fmt: skip


def run(cell: Cell) -> Run:
    """run.json of a cell that started on a fixed day."""
    return Run(
        cell=cell.name, cell_digest=cell.digest, git_sha="0123456789abcdef", git_dirty=False,
        versions={"torch": "2.14.1", "transformers": "5.23.0", "peft": "0.21.2"}, device="cpu", machine="Linux x86_64",
        threads=1, seeds={"data": 1}, started="2026-11-23T04:00:00Z", wall_seconds=100.0, seconds={"rollout": 50.0},
        peak_memory_mb=900.0, val_accuracy_start=0.35, val_problems=256,
    )  # fmt: skip


def step(number: int, skill: float, seed: int, method: str = "grpo") -> TrainingStep:
    """Line ``number`` of train.jsonl: reward moves from 0.35 to ``skill``, validation every 10 steps."""
    rng = np.random.default_rng([seed, number, int(1000 * skill)])
    level = 0.35 + (skill - 0.35) * (1 - np.exp(-number / 15)) + rng.normal(0, 0.03)
    reward = float(np.clip(level, 0, 1))
    return TrainingStep(
        step=number, reward_mean=reward, accuracy=reward, format_rate=1.0, all_right=0.1, mixed=0.7, all_wrong=0.2,
        response_length=40.0, truncated=0.0, loss=0.01, grad_norm=0.2, lr=1e-3, entropy=0.5, delta_w=0.1 * number,
        seconds=seconds(number, seed, method), tokens=10000,
        val_accuracy=float(np.clip(level + rng.normal(0, 0.02), 0, 1)) if number % 10 == 0 else None,
    )  # fmt: skip


def seconds(number: int, seed: int, method: str) -> dict[str, float]:
    """Seconds of a step: about 1 s, and 0.2 s per teacher while it is asked."""
    noise = np.random.default_rng([seed, number, len(method)]).uniform(0.9, 1.1, 3)
    teachers = {"grpo": 0, "rlsd": number <= 25, "cepo": 2 * (number <= 25)}.get(method, 1)
    found = {"rollout": 0.55 * noise[0], "verify": 0.01, "update": 0.44 * noise[1]}
    return found | ({"teacher": 0.2 * teachers * noise[2]} if teachers else {})


def write_grid(root: Path, methods: tuple[str, ...] = tuple(SKILL), seeds: tuple[int, ...] = (1,)) -> list[Path]:
    """Both scales of ``methods``, the larger a little better."""
    return [
        write_cell(root, method, scale, seed, skill=min(SKILL.get(method, 0.4) + bonus, 0.9))
        for scale, bonus in (("small", 0.0), ("large", 0.08))
        for method in methods
        for seed in seeds
    ]


def stop_at(cell: Path, steps: int) -> None:
    """Make a written cell one of fewer steps: its option, and the lines of its log."""
    record = cell / "cell.json"
    record.write_text(re.sub(r'"steps":\s*\d+', f'"steps": {steps}', record.read_text()))
    log = cell / "train.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:steps]))


def write_experiment(
    root: Path, name: str, seeds: tuple[int, ...] = (1,), skip: tuple[str, ...] = (), questions: int = QUESTIONS
) -> list[Path]:
    """The cells of an experiment in the micro world, at the small scale; variants of ``skip`` are not run."""
    experiment = read_experiments()[name]
    config = read_yaml(Config, CONFIGS / "micro.yaml")
    variants = experiment.variants | config.variants
    asked = [*experiment.arms, *experiment.controls]
    arms = [(m, v) for arm in asked for m in arm.methods or () for v in arm.variants if v not in skip]
    options = {m: {} if m == "base" else config.options["all"] | config.options.get(m, {}) for m, _ in arms}
    return [
        write_cell(root, m, "small", seed, v, changed=options[m] | overrides(variants, m, v), questions=questions)
        for m, v in arms
        for seed in seeds
    ]


def overrides(variants: Mapping[str, Variant], method: str, variant: str) -> dict[str, OptionValue]:
    """What a variant, or a preset of that name, changes."""
    preset = read_methods()[method].presets.get(variant, {}) if method != "base" else {}
    return preset | (variants[variant].set if variant in variants else {})
