"""A row of the table of gpu_check.py."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

import torch


@dataclass
class Watch:
    """Seconds and peak memory of a block. On a CPU memory is not measured."""

    seconds: float = 0.0
    peak_gb: float | None = None


@contextmanager
def watched(device: str) -> Iterator[Watch]:
    """Measure the block; the GPU's work is waited for."""
    watch, gpu = Watch(), device == "cuda"
    if gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    yield watch
    if gpu:
        torch.cuda.synchronize()
        watch.peak_gb = torch.cuda.max_memory_allocated() / 1e9
    watch.seconds = time.perf_counter() - began


@dataclass
class Row:
    """What was measured, and whether ``value`` is at most ``most``."""

    part: str
    what: str
    watch: Watch = field(default_factory=Watch)
    computed_gb: float | None = None
    meaning: str = ""  # of ``value``
    value: float | None = None
    most: float | None = None

    HEADERS: ClassVar = ("part", "what", "seconds", "peak GB", "computed GB", "", "value", "at most", "")

    @property
    def fails(self) -> bool:
        """Whether the number is not as expected; NaN is not."""
        return self.value is not None and self.most is not None and not self.value <= self.most

    def cells(self) -> tuple[str, ...]:
        """The cells of the row."""
        verdict = "" if self.value is None or self.most is None else "NO" if self.fails else "yes"
        return (
            self.part, self.what, f"{self.watch.seconds:.2f}", _gb(self.watch.peak_gb), _gb(self.computed_gb),
            self.meaning, _short(self.value), _short(self.most), verdict,
        )  # fmt: skip


def _gb(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
