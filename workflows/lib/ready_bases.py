"""Ready-made base models: committed with the recipe they were built by, and taken where that is the present recipe.

``results/bases/micro/<scale>/s<seed>/`` holds what a run makes in ``models/<scale>/s<seed>/``: the model, ``base.json``
and ``check.json``. Imports no torch.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict, Field

from contracts.errors import DataError
from contracts.paths import ROOT
from contracts.reading import read_record
from contracts.records import Record

READY = ROOT / "results" / "bases" / "micro"
WEIGHTS = "model.safetensors"
REPORT = "base.json"
CHECK = "check.json"


class BuiltBase(Record):
    """``base.json`` of a base model that was built: how, where and when."""

    scale: str = Field(description="shape in micro.shapes")
    seed: int
    parameters: int
    glyph_accuracy: float | None = Field(description="share of glyphs that the vision tower names right")
    loss: float | None = Field(description="of the last step of the language stage, nats per learned token")
    seconds: float
    recipe: str = Field(description="sha256 hex of code, settings, packages and seed")
    weights: str = Field(description="sha256 hex of model.safetensors")
    processor: str = Field(description="another processor may round differently")
    versions: dict[str, str]
    built: str = Field(description="UTC, ISO 8601")


@dataclass(frozen=True)
class ReadyBase:
    """A committed base model."""

    folder: Path
    weights: str  # sha256 hex
    checked: str  # digest of the recipe by which it was checked; empty if it was not


class CheckedBy(Record):
    """The part of a base model's ``check.json`` that says how the rest was measured."""

    model_config = ConfigDict(extra="ignore")

    recipe: str = Field(default="", description="sha256 hex of code, packages, problems and base model")


def ready_bases(root: Path = READY) -> Mapping[str, ReadyBase]:
    """Every committed base model by the digest of its recipe. DataError if a record is broken."""
    reports = sorted(root.glob(f"*/s*/{REPORT}"))
    records = {report.parent: read_record(BuiltBase, report) for report in reports}
    return {
        record.recipe: ReadyBase(folder, record.weights, _checked(folder / CHECK)) for folder, record in records.items()
    }


def _checked(check: Path) -> str:
    return read_record(CheckedBy, check).recipe if check.exists() else ""


def take(ready: Path, model: Path) -> BuiltBase:
    """Copy a committed base model to the folder ``model``; returns its record. DataError if its weights are others."""
    record = read_record(BuiltBase, ready / REPORT)
    if file_digest(ready / "model" / WEIGHTS) != record.weights:
        cause = f"{WEIGHTS} is not the file that {REPORT} names"
        way_out = f"restore it (git checkout {ready}), or build one: micro: {{ready_made_bases: false}} in the config"
        raise DataError(str(ready / "model"), cause, way_out)
    shutil.copytree(ready / "model", model, dirs_exist_ok=True)
    return record


def file_digest(path: Path) -> str:
    """sha256 hex of a file; of nothing if it is missing."""
    return hashlib.sha256(path.read_bytes() if path.is_file() else b"").hexdigest()
