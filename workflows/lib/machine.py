"""What this machine has, as `snakemake doctor` compares it with what a config needs. No torch."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from workflows.lib.gpus import described


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

    @staticmethod
    def here() -> Machine:
        """This machine."""
        pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        major, minor, _ = platform.python_version_tuple()
        cores = len(os.sched_getaffinity(0))
        return Machine((int(major), int(minor)), cores, pages // 10**6, _gpus(described()), dict(os.environ))


def free_mb(folder: Path) -> float:
    """Free space on the disk that a folder is on, or would be."""
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    return shutil.disk_usage(existing).free / 1e6


def installed(name: str) -> str | None:
    """Version of a package in this environment."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _gpus(lines: list[str]) -> tuple[Gpu, ...]:
    rows = [[part.strip() for part in line.split(",")] for line in lines]
    return tuple(Gpu(name, round(int(memory) * 1.048576), driver) for name, memory, driver in rows if memory.isdigit())
