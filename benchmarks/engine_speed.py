"""Seconds by phase, tokens per second and the cost of teachers, measured in one run on one base model.

Methods take turns step by step, so that a slow moment of the machine affects all of them. Seconds are a processor's,
so that other work on the machine counts little. Read the ratios, not the seconds.

    .venv/bin/python benchmarks/engine_speed.py results/micro --scale small --steps 6 --methods grpo cepo
    .venv/bin/python benchmarks/engine_speed.py results/micro --prompts 4 --steps 20 --methods grpo cepo
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from pathlib import Path
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from growth_step import ProcessorClock
from tabulate import tabulate

from contracts.records import Cell, TrainingStep
from methods.base import load_method
from methods.engines.local import train
from methods.engines.local.train import Trainer
from methods.engines.shared.problems import load_problems
from methods.engines.shared.settings import SharedSettings
from methods.shared.rewards import Grader

OPTIONS = {"lr": 1e-3, "max_response": 64, "lam_schedule": "constant"}


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("world", type=Path, help="results folder of a world with data and models")
    parser.add_argument("--scale", default="small")
    parser.add_argument("--steps", type=int, default=6, help="measured steps; one more before them is thrown away")
    parser.add_argument("--prompts", type=int, default=32, help="problems of a step, 8 rollouts each; two updates")
    parser.add_argument("--methods", nargs="+", default=["grpo", "rlsd", "cepo", "opsd", "sdpo"])
    parser.add_argument("--score-dtype", default="float32", choices=["float32", "bfloat16"])
    return parser.parse_args()


def make_trainer(name: str, args: argparse.Namespace, grader: Grader) -> Trainer:
    """Make a trainer with constant lambda, so that teachers are asked at every step."""
    defaults = load_method(name, {})
    options = {key: value for key, value in OPTIONS.items() if hasattr(defaults, key)}
    size = {"prompts": args.prompts, "minibatch_prompts": max(1, args.prompts // 2)}
    method = load_method(name, options | size | {"score_dtype": args.score_dtype})
    cell = Cell(
        world="micro", engine="local", method=name, scale=args.scale, seed=1, model_name="", options={}, digests={}
    )
    problems = load_problems(args.world / "data" / "train.parquet")
    base = args.world / "models" / args.scale / "s1" / "model"
    return Trainer(cell, method, base, problems, Path(tempfile.mkdtemp()), SharedSettings(), grader)


def main() -> None:
    """Measure and print one row per method."""
    args = parse()
    torch.set_num_threads(1)
    steps: dict[str, list[TrainingStep]] = {name: [] for name in args.methods}
    with Grader() as grader, mock.patch.object(train, "Clock", ProcessorClock):
        trainers = {name: make_trainer(name, args, grader) for name in args.methods}
        for step in range(args.steps + 1):
            for name, trainer in trainers.items():
                steps[name].append(trainer.step(step))
    print(tabulate([row(name, done[1:], steps[args.methods[0]][1:]) for name, done in steps.items()], headers="keys"))


def row(name: str, steps: list[TrainingStep], first: list[TrainingStep]) -> dict[str, str | float]:
    """Median seconds by phase, tokens per second, and time per step over that of the first method."""
    total = [sum(s.seconds.values()) for s in steps]
    phases = {
        p: statistics.median(s.seconds.get(p, 0.0) for s in steps) for p in ("rollout", "verify", "teacher", "update")
    }
    ratio = statistics.median(t / sum(f.seconds.values()) for t, f in zip(total, first, strict=True))
    rate = sum(s.tokens for s in steps) / sum(total)
    return {"method": name} | {p: round(v, 3) for p, v in phases.items()} | {
        "step": round(statistics.median(total), 3), "tokens/s": round(rate), "x first": round(ratio, 3)
    }  # fmt: skip


if __name__ == "__main__":
    main()
