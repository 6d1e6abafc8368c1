"""The files of a measurement at one policy, from what Snakemake gives to the script of its rule."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from contracts.prepared import RECORD
from workflows.lib.dag.recipes import LABELS


def task_files(given: Any, world: str) -> dict[str, Any]:  # noqa: ANN401 - Snakemake's InputFiles
    """The fields of a ``PolicyTask`` but for its plan: ``given`` is the rule's input."""
    return {
        "base": Path(given.base),
        "adapter": Path(given.adapter) if given.adapter else None,
        "data": Path(given.data),
        "prepared": tuple(Path(file).parent for file in given.prepared if Path(file).name == RECORD),
        "label": import_module(LABELS[world]).label if world in LABELS else None,
    }
