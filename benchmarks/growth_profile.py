"""Which of PyTorch's operators a step spends its time in, phase by phase, for growth.py.

Of sampling, which makes a pass for every token, only some passes are profiled: events of all of them would take
gigabytes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import torch
from growth_step import PHASES, Point, checked, make_trainer
from torch.profiler import ProfilerActivity

from methods.engines.local import train
from methods.engines.local.clock import Clock
from methods.engines.local.memory import forget_products, keep_freed_memory
from methods.engines.shared.problems import load_problems
from methods.shared.rewards import Grader

SHOWN = 5  # operators of a phase, those with the most time at the larger point
SAMPLED = 16  # passes of sampling that are profiled, evenly over the response; counted for all of them
Spent = dict[str, dict[str, tuple[int, float]]]  # by phase and operator: calls, milliseconds of its own


class ProfilingClock(Clock):
    """Profiles each phase but sampling; ``spent`` holds the last step's."""

    spent: ClassVar[Spent] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Profile this block under the phase ``name``."""
        if name == "rollout" or name not in PHASES:
            yield
            return
        with recording(self.spent.setdefault(name, {})):
            yield


@contextmanager
def recording(into: dict[str, tuple[int, float]], times: int = 1) -> Iterator[None]:
    """Add calls and milliseconds of the operators of this block, ``times`` as often."""
    with torch.profiler.profile(activities=[ProfilerActivity.CPU]) as found:
        yield
    for one in found.key_averages():
        calls, spent = into.get(one.key, (0, 0.0))
        into[one.key] = (calls + times * one.count, spent + times * one.self_cpu_time_total / 1000)


def sampled(decode: Callable[..., Any], every: int, into: dict[str, tuple[int, float]]) -> Callable[..., Any]:
    """A pass of sampling that is profiled at one token in ``every`` and counted for all of them."""

    def decode_one(tokens: torch.Tensor, step: int, *rest: object) -> Any:  # noqa: ANN401 - what decode returns
        if step % every != every // 2:
            return decode(tokens, step, *rest)
        with recording(into, every):
            return decode(tokens, step, *rest)

    return decode_one


def profile(name: str, point: Point, base: Path, data: Path) -> Spent:
    """Run one step without the profiler and one with it."""
    torch.set_num_threads(1)
    keep_freed_memory()
    forget_products()
    with Grader() as grader:
        trainer = make_trainer(name, point, base, load_problems(data), grader)
        checked(trainer.step(0), point)
        every = max(1, point.tokens // SAMPLED)
        decode = sampled(trainer.policy.decode, every, ProfilingClock.spent.setdefault("rollout", {}))
        with mock.patch.object(train, "Clock", ProfilingClock), mock.patch.object(trainer.policy, "decode", decode):
            trainer.step(1)
    return ProfilingClock.spent


def operators(small: Spent, large: Spent, times: float) -> list[list[str | int | float]]:
    """Rows: phase, operator, calls at the larger point, milliseconds at both, growth over the growth of the work."""
    rows: list[list[str | int | float]] = []
    for phase in PHASES:
        after, before = large.get(phase, {}), defaultdict(lambda: (0, 0.0), small.get(phase, {}))
        for name in sorted(after, key=lambda one: after[one][1], reverse=True)[:SHOWN]:
            (calls, spent), (_, less) = after[name], before[name]
            rows.append([phase, name, calls, less, spent, spent / less / times if less else "new"])
    return rows
