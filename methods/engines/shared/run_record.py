"""``run.json``: where, when and with what a cell was trained."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from contracts.paths import ROOT
from contracts.records import Cell, PreparedCost, Run, TrainingStep
from methods.shared import seeding

PACKAGES = ("torch", "transformers", "peft", "safetensors", "numpy")


@dataclass(frozen=True)
class Started:
    """When a run began: the date, and the time of a clock that is never set back."""

    utc: str
    counter: float

    @staticmethod
    def now() -> Started:
        """A run that begins at this moment."""
        return Started(datetime.now(UTC).isoformat(timespec="seconds"), time.perf_counter())


def run_record(
    cell: Cell, steps: Sequence[TrainingStep], started: Started, outside: dict[str, float], resumed_at: Sequence[int],
    accuracy_start: float | None, val_problems: int, adapter_step: int, prepared: PreparedCost | None = None,
) -> Run:  # fmt: skip
    """Make the record of a finished run.

    ``outside``: seconds of phases that belong to no step, by name. ``adapter_step``: 1-based step of the adapter.
    ``prepared``: what was spent on the model that was prepared for the cell.
    """
    seconds = dict(outside)
    for step in steps:
        for phase, value in step.seconds.items():
            seconds[phase] = seconds.get(phase, 0.0) + value
    return Run(
        **where_and_when(started, cell.device),
        cell=cell.name,
        cell_digest=cell.digest,
        device=cell.device,
        seeds={name: seeding.stream(cell.seed, name) for name in seeding.STREAMS},
        seconds=seconds,
        resumed_at=list(resumed_at),
        val_accuracy_start=accuracy_start,
        val_problems=val_problems,
        adapter_step=adapter_step,
        prepared=prepared,
    )


def where_and_when(started: Started, device: str) -> dict[str, Any]:
    """Fields of every record of something trained: code, packages, machine, threads, time and memory so far."""
    sha, dirty = git_state(ROOT)
    return {
        "git_sha": sha,
        "git_dirty": dirty,
        "versions": {name: version(name) for name in PACKAGES} | {"python": platform.python_version()},
        "machine": machine(device),
        "threads": torch.get_num_threads(),
        "started": started.utc,
        "wall_seconds": time.perf_counter() - started.counter,
        "peak_memory_mb": peak_memory_mb(),
    }


def git_state(folder: Path) -> tuple[str | None, bool | None]:
    """Return the commit, and whether files were changed since. (None, None) outside a repository or without git."""
    try:
        run = [subprocess.run(["git", *a], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603, S607
               for a in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])]  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None, None
    return run[0], bool(run[1])


def machine(device: str) -> str:
    """Name of the processor, or of the GPU, and the number of cores."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    names = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def peak_memory_mb() -> float:
    """Most memory that this process has used so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
