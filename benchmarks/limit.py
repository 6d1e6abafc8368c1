"""One rollout step of the local engine against the time that its matrix products take when nothing else is done.

    .venv/bin/python benchmarks/limit.py --scale small --steps 8

The products and their floating-point operations are counted from shapes (`step_products.py`). Every size that occurs is
timed by itself, on one thread, in turns with the steps. The sum over all products of a step is the limit: the time
that a step would take if it were nothing but these products. Seconds are of a processor, so that other programs on the
machine disturb little. All responses have `--length` tokens and every rollout is trained, as in the comparison `equal`
of `trl_speed.py`.

The second table says what a step does in its time, by `torch.profiler`: how often each kind of operation is called, its
share of the time, and what remains for Python. Profiling makes calls slower, those of small operations most.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import torch
from step_products import MatrixProduct, Work, flops_by_phase, shape_of, step_products
from tabulate import tabulate
from torch.profiler import ProfilerActivity, profile
from trl_speed import BASES, SEED, WARM, EverySecond, method_of, never_end, our_side

from contracts.records import TrainingStep
from methods.engines.local.experience import look_at, student_context
from methods.engines.local.train import Trainer
from methods.engines.shared.minibatches import minibatches
from methods.engines.shared.problems import step_rows
from methods.engines.shared.run_record import machine

Size = tuple[int, int, int, int]
PROFILED = 3  # steps after those that are measured
ENOUGH = 0.002  # seconds for which a size is timed in each turn
MEASURED = {"rollout": ("vision", "rollout"), "update": ("update, forward", "update, backward")}  # clock: phases
KINDS = {  # names of operations by what they do; whatever is not here is "other"
    "matrix products": ("mm", "bmm", "addmm", "baddbmm", "linear", "scaled_dot_product", "convolution"),
    "copies, joins and picks": ("copy_", "cat", "index", "gather", "scatter", "fill_", "zero_", "masked"),
    "sums and products by element": ("mul", "add", "sub", "div", "neg", "pow", "rsqrt", "mean", "sum", "silu", "exp",
                                     "sigmoid", "gelu", "cos", "sin", "sqrt", "lerp", "addcmul", "addcdiv", "foreach"),
    "views, which move no numbers": ("view", "reshape", "transpose", "t", "unsqueeze", "squeeze", "expand", "slice",
                                     "select", "narrow", "as_strided", "split", "permute", "alias", "detach", "chunk"),
    "softmax and drawing": ("softmax", "cumsum", "searchsorted", "nll_loss", "isin"),
}  # fmt: skip


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", default="small", help="which committed base model, of seed 1")
    parser.add_argument("--steps", type=int, default=8, help=f"measured steps; {WARM} more before them do not count")
    parser.add_argument("--length", type=int, default=48, help="response tokens")
    parser.add_argument("--prompts", type=int, help="problems a step, in two updates; without it the micro world's")
    return parser.parse_args()


def work_of(trainer: Trainer, step: int) -> tuple[Work, list[int]]:
    """What a step does, and how many prompts the rollouts of each of its updates belong to."""
    method, policy = trainer.method, trainer.policy
    problems = [trainer.problems[i] for i in step_rows(SEED, step, method.prompts, len(trainer.problems))]
    seen = look_at(policy, problems)
    length = max(len(student_context(policy, method, p, v).ids) for p, v in zip(problems, seen, strict=True))
    merged = len(seen[0][0].tokens) * policy.config.vision_config.spatial_merge_size**2
    work = Work(method.prompts, method.group_size, length, method.max_response,
                method.prompts // method.minibatch_prompts, merged)  # fmt: skip
    group = torch.arange(work.prompts).repeat_interleave(work.group)
    parts = minibatches(method, group, torch.full_like(group, work.response), SEED, step)
    return work, [len(group[rows].unique()) for rows in parts]


def products_of(trainer: Trainer, base: Path, step: int) -> list[MatrixProduct]:
    """All matrix products of a step."""
    shape = shape_of(json.loads((base / "config.json").read_text()), trainer.method.lora_rank)
    return step_products(shape, *work_of(trainer, step))


def seconds_of(size: Size) -> float:
    """Seconds of a processor that one product of this size takes."""
    batch, m, k, n = size
    left, right = torch.randn(batch, m, k), torch.randn(batch, k, n)
    if batch == 1:
        left, right = left[0], right[0]
    out = left @ right
    calls, start = 0, time.process_time()
    while (passed := time.process_time() - start) < ENOUGH:
        for _ in range(5):
            torch.matmul(left, right, out=out)
        calls += 5
    return passed / calls


def limit_by_phase(products: Iterable[MatrixProduct], seconds: Mapping[Size, float]) -> dict[str, float]:
    """Seconds of all products of each phase."""
    found: dict[str, float] = defaultdict(float)
    for one in products:
        found[one.phase] += one.times * seconds[one.size]
    return dict(found)


def measure(trainer: Trainer, base: Path, steps: int) -> list[dict[str, Any]]:
    """Steps and single products in turns; one row for each phase, and one for the step.

    The engine's own clock tells which share of a step each phase takes; that share of the processor's seconds is what
    is measured of a phase.
    """
    rounds: dict[Size, list[float]] = defaultdict(list)
    taken: list[tuple[float, TrainingStep]] = []
    for step in range(WARM + steps):
        start = time.process_time()
        record = trainer.step(step)
        taken.append((time.process_time() - start, record))
        for size in dict.fromkeys(one.size for one in products_of(trainer, base, step)):
            rounds[size].append(seconds_of(size))
    seconds = {size: statistics.median(found) for size, found in rounds.items()}
    last = products_of(trainer, base, WARM + steps - 1)
    flops, limit = flops_by_phase(last), limit_by_phase(last, seconds)
    total, busy = statistics.median(t for t, _ in taken[WARM:]), taken[WARM:]
    share = {name: statistics.median(r.seconds.get(name, 0.0) / sum(r.seconds.values()) for _, r in busy)
             for name in MEASURED}  # fmt: skip
    rows = [line(phase, flops[phase], limit[phase], None) for phase in flops]
    for name, part in share.items():
        phases = MEASURED[name]
        rows.append(line(f"all of {name}", sum(flops[p] for p in phases), sum(limit[p] for p in phases), part * total))
    return [*rows, line("step", sum(flops.values()), sum(limit.values()), total)]


def line(what: str, flops: int, limit: float, measured: float | None) -> dict[str, Any]:
    """One row of the first table."""
    return {
        "phase": what, "GFLOP": round(flops / 1e9, 3), "limit, s": round(limit, 4),
        "GFLOP/s at the limit": round(flops / limit / 1e9, 1),
        "measured, s": None if measured is None else round(measured, 3),
        "share of the limit": None if measured is None else f"{limit / measured:.0%}",
    }  # fmt: skip


def kind_of(name: str) -> str:
    """The kind of an operation of PyTorch."""
    bare = name.removeprefix("aten::").lstrip("_")
    exact = [kind for kind, names in KINDS.items() if bare in names]
    like = [kind for kind, names in KINDS.items() if bare.startswith(tuple(name for name in names if len(name) > 1))]
    return (exact + like + ["other operations"])[0]


def profiled(trainer: Trainer, first: int) -> list[dict[str, Any]]:
    """What a step does in its time, over the steps from ``first`` on."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        start = time.perf_counter()
        for step in range(first, first + PROFILED):
            trainer.step(step)
        passed = time.perf_counter() - start
    seconds, calls = defaultdict[str, float](float), defaultdict[str, int](int)
    for event in seen.key_averages():
        if event.key.startswith("aten::"):
            seconds[kind_of(event.key)] += event.self_cpu_time_total / 1e6
            calls[kind_of(event.key)] += event.count
    rows = [(kind, seconds[kind], calls[kind]) for kind in sorted(seconds, key=seconds.__getitem__, reverse=True)]
    rows.append(("Python, autograd and the profiler", passed - sum(seconds.values()), None))
    return [
        {"kind": kind, "calls a step": count and count // PROFILED, "share of the step": f"{part / passed:.0%}"}
        for kind, part, count in rows
    ]


def main() -> None:
    """Measure and print both tables."""
    asked = parse()
    torch.set_num_threads(1)
    base = BASES / asked.scale / "s1" / "model"
    method = method_of(asked.steps + WARM + PROFILED, asked.prompts, asked.length)
    with tempfile.TemporaryDirectory() as folder, EverySecond() as grader:
        trainer = our_side(method, base, Path(folder), grader)
        never_end(trainer)
        rows = measure(trainer, base, asked.steps)
        inside = profiled(trainer, asked.steps + WARM)
    print(f"{machine('cpu')}; torch {torch.__version__}, {asked.scale} base, one thread, {asked.steps} steps, ", end="")
    print(f"{method.prompts} x {method.group_size} rollouts of {method.max_response} tokens")
    print(tabulate(rows, headers="keys", missingval=""))
    print()
    print(tabulate(inside, headers="keys", missingval=""))


if __name__ == "__main__":
    main()
