"""One point of growth.py: steps of the local engine whose work is known beforehand.

Every response has exactly ``tokens`` tokens, because the tokens that end one cannot be drawn. Half of each group
counts as right, whatever it says, so every rollout has an advantage, a gradient, and a teacher of each kind.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import torch

from contracts.records import Cell, TrainingStep
from methods.base import load_method
from methods.engines.local import train
from methods.engines.local.clock import Clock
from methods.engines.local.experience import Drawn, Gatherer
from methods.engines.local.memory import forget_products, keep_freed_memory
from methods.engines.local.score import student_logp
from methods.engines.shared.experience import Experience
from methods.engines.shared.problems import Problem, load_problems
from methods.engines.shared.settings import SharedSettings
from methods.shared.rewards import Grader

GROUP = 8  # rollouts to each problem
PHASES = ("rollout", "score", "teacher", "update")
ENOUGH = 4.0  # processor seconds of measured steps: small steps are repeated, so that an undisturbed one is among them


@dataclass(frozen=True)
class Point:
    """What a step has to do."""

    grows: str  # tokens, rollouts or model; empty for the smallest point
    times: float  # its work over that of the smallest point
    tokens: int  # of every response
    prompts: int  # problems; GROUP rollouts to each
    shape: str  # name of the base model


@dataclass(frozen=True)
class Cost:
    """What a step of a point took at least. ``score`` is a pass that a step in float32 does not need."""

    seconds: dict[str, float]  # of a processor, by phase
    step: float  # of a processor, all phases of the engine, without ``score``
    wall: float  # of the clock, ``score`` included
    loaded: float  # MB before the first step: Python, the libraries, the model
    peak: float  # MB at most, until the end


class ProcessorClock(Clock):
    """Measures phases in seconds of a processor, so that other work on the machine counts little."""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the processor seconds of this block to the phase ``name``."""
        start = time.process_time()
        try:
            yield
        finally:
            self.seconds[name] += time.process_time() - start


class EvenGatherer(Gatherer):
    """Calls every second rollout right, the others wrong, and measures a pass of the student over the responses."""

    def sample(self, problems: Sequence[Problem], step: int, seed: int, clock: Clock, stream: str = "rollout") -> Drawn:
        """Sample as the engine does, then decide what is right."""
        drawn = super().sample(problems, step, seed, clock, stream)
        members = [
            replace(one, correct=place % 2 == 0, reward=float(place % 2 == 0), answer=str(place % GROUP))
            for place, one in enumerate(drawn.members)
        ]
        return replace(drawn, members=members)

    def score(self, drawn: Drawn, step: int, seed: int, clock: Clock) -> Experience:
        """Score as the engine does, after the pass that it makes only where sampling gives no exact log-probs."""
        contexts = [drawn.prompts[owner] for owner in drawn.responses.owner.tolist()]
        with clock.phase("score"):
            student_logp(self.policy, contexts, drawn.responses, self.method, self.size)
        return super().score(drawn, step, seed, clock)


def make_trainer(name: str, point: Point, base: Path, problems: list[Problem], grader: Grader) -> train.Trainer:
    """A trainer whose responses all have ``point.tokens`` tokens and whose teachers are asked at every step."""
    options = {
        "lr": 1e-3,
        "prompts": point.prompts,
        "group_size": GROUP,
        "minibatch_prompts": max(1, point.prompts // 2),
        "max_response": point.tokens,
    }
    method = load_method(name, options | ({"lam_schedule": "constant"} if name == "cepo" else {}))
    cell = Cell(
        world="micro", engine="local", method=name, scale=point.shape, seed=1, model_name="", options={}, digests={}
    )
    settings = SharedSettings()
    trainer = train.Trainer(cell, method, base, problems, Path(tempfile.mkdtemp()), settings, grader)
    policy = trainer.policy
    policy.barred = torch.cat([policy.barred, torch.tensor(policy.end_tokens)])
    trainer.gatherer = EvenGatherer(policy, method, grader, trainer.teachers, settings.micro_batch)
    return trainer


def measure(name: str, point: Point, base: Path, data: Path, steps: int) -> Cost:
    """Run a step that is thrown away, then ``steps`` that are measured, or more until they took :data:`ENOUGH`.

    The least of them counts for each phase: whatever else runs on a machine only adds to what a step takes.
    """
    torch.set_num_threads(1)
    keep_freed_memory()
    forget_products()
    with Grader() as grader, mock.patch.object(train, "Clock", ProcessorClock):
        trainer = make_trainer(name, point, base, load_problems(data), grader)
        loaded = memory("VmRSS")
        checked(trainer.step(0), point)
        records, walls, began = list[TrainingStep](), list[float](), time.process_time()
        while len(records) < steps or time.process_time() - began < ENOUGH:
            started = time.perf_counter()
            records.append(checked(trainer.step(len(records) + 1), point))
            walls.append(time.perf_counter() - started)
    seconds = {phase: min(r.seconds.get(phase, 0.0) for r in records) for phase in PHASES}
    step = min(sum(r.seconds.values()) - r.seconds["score"] for r in records)
    return Cost(seconds, step, min(walls), loaded, memory("VmHWM"))


def checked(record: TrainingStep, point: Point) -> TrainingStep:
    """The record of a step, if it did the work it was to do."""
    wanted = point.prompts * GROUP * point.tokens
    assert record.tokens == wanted, f"{record.tokens} tokens were sampled, not {wanted}"
    assert record.mixed == 1.0, f"{record.mixed} of the groups are mixed"
    return record


def memory(field: str) -> float:
    """MB of this process: ``VmRSS`` now, ``VmHWM`` at most since it was started. Linux only.

    getrusage would also count what the process that started this one used (execve keeps the larger of both).
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024
