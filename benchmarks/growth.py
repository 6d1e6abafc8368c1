"""How the cost of a step grows: seconds of a processor and memory for more tokens, more rollouts, larger models.

A row is a point with one method: seconds of each phase in the quickest step, and memory above what is loaded before
the first one. In brackets: how often that of the smallest point, divided by how often its work. At 1 it grows as the
work does; below 1 it grows less, because some costs do not grow; above 1 it grows more. Each row is measured in a
process of its own, forked from one that has imported everything.

    .venv/bin/python benchmarks/growth.py
    .venv/bin/python benchmarks/growth.py --profile tokens   # which operators grow more than the work does
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from growth_profile import operators, profile
from growth_step import GROUP, PHASES, Cost, Point, measure
from safetensors import safe_open
from tabulate import tabulate

from methods.micro.settings import BaseTraining, MicroSettings, ModelShape

HIDDEN = (96, 128, 192, 256, 512)  # widths of the models; the first is the micro world's small one
LAYERS, TOKENS, PROMPTS = 3, 64, 4  # of the smallest point: the micro world's layers and problems of a step
TIMES = (2, 4, 8)
AXES = ("tokens", "rollouts", "model")


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2, help="measured steps, more where they are short")
    parser.add_argument("--methods", nargs="+", default=["grpo", "cepo"])
    parser.add_argument("--axes", nargs="+", default=AXES, choices=AXES)
    parser.add_argument("--largest", type=float, default=math.inf, help="leave out points with more work than so often")
    parser.add_argument(
        "--profile", choices=AXES, help="the operators of the smallest and of the largest point instead"
    )
    return parser.parse_args()


def in_a_child(function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - what the function returns
    """Call ``function`` in a fork of this process, so that its memory and its settings are its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as child:
        return child.submit(function, *arguments).result()


def make_world(folder: Path) -> None:
    """Problems, and an untrained base model of every width. All models have the same tokenizer."""
    from methods.micro.bases import build_base  # imports lmms-eval, whose memory is no part of a step's
    from methods.micro.data import write_splits

    shapes = {
        str(hidden): ModelShape(name=str(hidden), hidden=hidden, layers=LAYERS, intermediate=3 * hidden)
        for hidden in HIDDEN
    }
    untrained = dict.fromkeys(shapes, BaseTraining(vision_steps=0, steps=0))
    few: dict[str, Any] = {"train": 64, "validation": 16, "test": 16, "pool": 1000, "bench_pool": 600}
    settings = MicroSettings(**few, shapes=shapes, training=untrained)
    write_splits(settings, folder / "data")
    for name in shapes:
        build_base(settings, name, base_of(folder, name), folder / "progress.jsonl")


def base_of(folder: Path, shape: str) -> Path:
    """Where the base model of a width lies."""
    return folder / shape / "model"


def parameters(base: Path) -> int:
    """Weights that every token is multiplied with: the language model's, of which the embedding is also the head."""
    with safe_open(base / "model.safetensors", "pt") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys() if "language_model" in name)  # noqa: SIM118


def points(folder: Path) -> Iterator[Point]:
    """The smallest point, of which all others are multiples, then the others, axis by axis."""
    small = str(HIDDEN[0])
    yield Point("", 1, TOKENS, PROMPTS, small)
    for times in TIMES:
        yield Point("tokens", times, TOKENS * times, PROMPTS, small)
    for times in TIMES:
        yield Point("rollouts", times, TOKENS, PROMPTS * times, small)
    smallest = parameters(base_of(folder, small))
    for hidden in HIDDEN[1:]:
        times = parameters(base_of(folder, str(hidden))) / smallest
        yield Point("model", times, TOKENS, PROMPTS, str(hidden))


def row(name: str, point: Point, cost: Cost, first: Cost) -> list[str]:
    """One row: what was measured, and in brackets its growth over the growth of the work."""

    def grown(value: float, before: float, digits: int) -> str:
        growth = f" ({value / before / point.times:.2f})" if before else ""
        return f"{value:.{digits}f}{growth}" if value else ""

    phases = [grown(cost.seconds[phase], first.seconds[phase], 2) for phase in PHASES]
    memory = grown(cost.peak - cost.loaded, first.peak - first.loaded, 0)
    work = f"{point.grows} x {point.times:.3g}" if point.grows else "smallest"
    what = f"{point.prompts * GROUP} x {point.tokens}, {point.shape} wide"
    step, wall = grown(cost.step, first.step, 2), f"{cost.wall:.2f}"
    return [work, what, name, *phases, step, wall, memory]


def table(folder: Path, args: argparse.Namespace) -> None:
    """Measure and print a row for each point and method; methods take turns."""
    rows, first = [], dict[str, Cost]()
    for point in points(folder):
        if (point.grows and point.grows not in args.axes) or point.times > args.largest:
            continue
        for name in args.methods:
            data = folder / "data" / "train.parquet"
            cost = in_a_child(measure, name, point, base_of(folder, point.shape), data, args.steps)
            rows.append(row(name, point, cost, first.setdefault(name, cost)))
            print(*rows[-1], sep="; ", file=sys.stderr, flush=True)  # it takes minutes: a sign of life
    heads = ("work", "rollouts x tokens", "method", *PHASES, "step", "wall", "MB")
    print(tabulate(rows, headers=heads, tablefmt="pipe", disable_numparse=True))


def profiles(folder: Path, args: argparse.Namespace) -> None:
    """Print what the operators of the smallest and of the largest point of an axis take."""
    method = args.methods[-1]
    chosen = [point for point in points(folder) if point.grows in ("", args.profile) and point.times <= args.largest]
    data, ends = folder / "data" / "train.parquet", (chosen[0], chosen[-1])
    small, large = (in_a_child(profile, method, point, base_of(folder, point.shape), data) for point in ends)
    heads = ("phase", "operator", "calls", "ms", f"ms at x {ends[1].times:.3g}", "growth over work")
    print(tabulate(operators(small, large, ends[1].times), headers=heads, tablefmt="pipe", floatfmt=".2f"))


def main() -> None:
    """Measure and print."""
    args = parse()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        in_a_child(make_world, folder)
        if args.profile:
            profiles(folder, args)
        else:
            table(folder, args)


if __name__ == "__main__":
    main()
