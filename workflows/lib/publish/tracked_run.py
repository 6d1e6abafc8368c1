"""What becomes one run of a tracker, whatever it was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple


class MetricPoint(NamedTuple):
    """One value of a metric."""

    key: str
    value: float
    step: int  # rollout step; 0 for what was measured once
    second: float  # since the run began


@dataclass(frozen=True)
class TrackedRun:
    """A cell, or the gradients at one policy; what is only read to be written is read then."""

    name: str
    digest: str  # by which it is found again
    tags: Mapping[str, str]
    files: Sequence[Path]  # kept as artifacts
    params: Callable[[], Mapping[str, str]]
    points: Callable[[], Iterable[MetricPoint]]
    started: Callable[[], int]  # milliseconds since 1970
    seconds: float
    datasets: Callable[[], Mapping[str, dict[str, str]]] = dict  # by use: fields of MLflow's datasets
    more: bytes = b""  # content of what lies in other files

    @cached_property
    def content(self) -> str:
        """sha256 hex of all files: a run with another content replaces the one of its digest."""
        return hashlib.sha256(b"".join(file.read_bytes() for file in self.files) + self.more).hexdigest()
