"""What this machine has, as `snakemake doctor` compares it with what a config needs. No torch."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from workflows.lib.machine.gpus import VISIBLE, described, driver_trouble

# What a world should find free beside its environments, and more for each cell that trains at the same time. paper:
# weights 13 GB and datasets; up to four checkpoints of EasyR1, each with all 9 GB of the 4B model. Not measured.
FREE_MB = {"micro": 500, "paper": 20_000}
CELL_MB = {"micro": 0, "paper": 36_000}


@dataclass(frozen=True)
class Gpu:
    """One GPU as its driver describes it."""

    name: str
    memory_mb: int
    driver: str


@dataclass(frozen=True)
class Machine:
    """Facts of a machine; memory and disk in MB."""

    python: tuple[int, int]
    cores: int
    memory_mb: int
    gpus: tuple[Gpu, ...]
    environment: dict[str, str]
    driver_trouble: str = ""  # what the driver's own tool says if it fails

    @property
    def usable(self) -> int:
        """GPUs that a job may choose from: those that CUDA_VISIBLE_DEVICES names, all without it."""
        if VISIBLE not in self.environment:
            return len(self.gpus)
        named = [name for name in self.environment[VISIBLE].split(",") if name.strip() not in ("", "-1")]
        return min(len(named), len(self.gpus))

    @staticmethod
    def here() -> Machine:
        """This machine."""
        pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        major, minor, _ = platform.python_version_tuple()
        cores = len(os.sched_getaffinity(0))
        there = _gpus(described())
        return Machine((int(major), int(minor)), cores, pages // 10**6, there, dict(os.environ), driver_trouble())


def wanted_mb(world: str, gpus: int | None, each: int) -> float:
    """Free disk that a run of ``world`` wants on ``gpus`` GPUs (None: not known), where a training takes ``each``."""
    at_once = max(1, gpus // each) if gpus and each else 1
    return FREE_MB[world] + at_once * CELL_MB[world]


def free_mb(folder: Path) -> float:
    """Free space on the disk of a folder, which need not exist yet."""
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    return shutil.disk_usage(existing).free / 1e6


def packages_of(python: str) -> dict[str, str] | None:
    """Packages in the environment of another Python, by name; None if it cannot be run."""
    ask = "import importlib.metadata as m; [print(d.metadata['Name'], d.version) for d in m.distributions()]"
    try:
        done = subprocess.run([python, "-I", "-c", ask], capture_output=True, text=True)  # noqa: S603
    except OSError:
        return None
    rows = [line.split(" ", 1) for line in done.stdout.splitlines()]
    return {normal(name): version for name, version in rows} if done.returncode == 0 else None


def normal(name: str) -> str:
    """Normalise the name of a package as package indexes do."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _gpus(lines: list[str]) -> tuple[Gpu, ...]:
    rows = [[part.strip() for part in line.split(",")] for line in lines]
    return tuple(Gpu(name, round(int(memory) * 1.048576), driver) for name, memory, driver in rows if memory.isdigit())
