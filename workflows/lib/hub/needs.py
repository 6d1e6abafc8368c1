"""What a config needs from the Hugging Face hub, the lock that pins it, and whether it is here. No network."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter, ValidationError

from contracts.errors import DataError
from contracts.records import Record
from evals.benchmarks import BENCHMARKS
from workflows.lib.config.schema import Config, HubData, ScaleSettings

WEIGHTS = ("*.json", "*.jinja", "*.txt", "*.model", "*.safetensors")  # weights as safetensors only, and no code
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
FETCH = "run: make fetch"


class LockedFile(Record):
    """One file as the hub describes it."""

    size: int = Field(ge=0, description="bytes")
    digest: str = Field(pattern=r"^(sha256|git):[0-9a-f]+$", description="of the content, or of the git blob")


class Locked(Record):
    """One repository at the commit that was fetched."""

    revision: str = Field(pattern=r"^[0-9a-f]{40}$")
    files: dict[str, LockedFile] = Field(min_length=1)


Lock = Mapping[str, Locked]  # Need.key -> what was fetched
LOCK = TypeAdapter(dict[str, Locked])


@dataclass(frozen=True)
class Need:
    """One repository of the hub that a config names."""

    place: str  # key of the config
    kind: Literal["model", "dataset"]
    repo: str
    revision: str | None  # None: whatever the lock says
    patterns: tuple[str, ...]  # files wanted

    @property
    def key(self) -> str:
        """Name in the lock."""
        return f"{self.kind}s/{self.repo}"


def needs(config: Config) -> list[Need]:
    """Every repository of the hub that a config names; none in the micro world."""
    return [*_models(config), *_datasets(config)]


def model(place: str, scale: ScaleSettings) -> Need:
    """A base model of the hub."""
    return Need(place, "model", scale.base_model, scale.revision, WEIGHTS)


def dataset(place: str, data: HubData, splits: Iterable[str]) -> Need:
    """The parquet files of some splits of a dataset of the hub."""
    wanted = (pattern for split in sorted(set(splits)) for pattern in patterns(split))
    return Need(place, "dataset", data.repo, data.revision, tuple(wanted))


def lock_path(config_file: Path, named: str | None = None) -> Path:
    """Where the lock of a config is: beside it, ``paper.yaml`` has ``paper.lock.json`` unless another is ``named``."""
    return config_file.with_suffix(".lock.json") if named is None else config_file.with_name(named)


def read_lock(path: Path) -> dict[str, Locked]:
    """The lock; empty if there is none yet. DataError if it cannot be read."""
    if not path.is_file():
        return {}
    try:
        return LOCK.validate_json(path.read_bytes())
    except ValidationError as error:
        cause = f"is not a lock of fetched files ({error.errors()[0]['msg']})"
        raise DataError(str(path), cause, f"delete it and {FETCH}") from None


def revision(need: Need, lock: Lock) -> str | None:
    """The commit to use: that of the config, else that of the lock; None if neither has one."""
    return need.revision or (lock[need.key].revision if need.key in lock else None)


def snapshot(need: Need, commit: str) -> Path:
    """Folder of the hub's cache that holds a repository at a commit."""
    return cache() / f"{need.kind}s--{need.repo.replace('/', '--')}" / "snapshots" / commit


def cache() -> Path:
    """The hub's cache on this machine: HF_HUB_CACHE, else HF_HOME/hub, else ~/.cache/huggingface/hub."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def lacking(need: Need, lock: Lock) -> str | None:
    """Why a repository cannot be used offline, by names and sizes of its files; None if it can."""
    locked = lock.get(need.key)
    if locked is None or revision(need, lock) != locked.revision:
        return "has not been fetched"
    folder = snapshot(need, locked.revision)
    for name, file in locked.files.items():
        path = folder / name
        if not path.is_file():
            return f"{path} is missing"
        if path.stat().st_size != file.size:
            return f"{path} has {path.stat().st_size} bytes instead of {file.size}"
    return None


def present(need: Need, lock: Lock) -> Path:
    """The folder of a repository that was fetched; DataError if it is incomplete."""
    cause = lacking(need, lock)
    if cause is not None:
        raise DataError(f"{need.repo} ({need.place})", cause, FETCH)
    return snapshot(need, lock[need.key].revision)


def _models(config: Config) -> Iterator[Need]:
    for name, scale in config.scales.items():
        if not scale.is_micro and not scale.is_folder:
            yield model(f"scales.{name}", scale)


def _datasets(config: Config) -> Iterator[Need]:
    if config.problems is not None:
        yield dataset("problems", config.problems, config.problems.splits.values())
    for name in config.benchmarks:
        if name in config.benchmark_data:
            yield dataset(f"benchmark_data.{name}", config.benchmark_data[name], [BENCHMARKS[name].split])


def patterns(split: str) -> tuple[str, ...]:
    """How the hub names the parquet files of a split."""
    return tuple(f"{folder}{split}{part}.parquet" for folder in ("", "*/") for part in ("", "-*"))
