"""The two files of a measurement of gradients: inner products of the gradients, and what was measured. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from contracts.errors import DataError
from contracts.files import replacing, write_text
from contracts.records import Record

TARGET = "pg"  # the policy gradient of the reward, measured beside the methods


class GradientReport(Record):
    """``gradients.json``: which gradients were measured, at which state of the policy and on which rollouts."""

    methods: list[str] = Field(description="names of the arms in the order of the products; the last is 'pg'")
    batches: int = Field(ge=1, description="K")
    prompts: int = Field(description="problems of a batch")
    group_size: int = Field(description="rollouts to each problem")
    state: str = Field(description="the policy: 'base', or the cell whose adapter it has")
    seed: int
    differentiated: Literal["folded", "adapter"] = Field(
        description="folded: gradients of the layers' weights, the adapter added; adapter: of the LoRA matrices"
    )
    numbers: int = Field(description="length of one gradient")
    dimension: int = Field(description="length of its sketch")
    accuracy: float = Field(description="of the rollouts")
    mixed: float = Field(description="share of groups with right and wrong rollouts")
    tokens: float = Field(description="mean response tokens of a batch")
    labelled: float | None = Field(None, description="share of rollouts whose tokens have labels")
    seconds: float


def write_gradients(folder: Path, report: GradientReport, gram: Float[np.ndarray, "K M K M"]) -> None:
    """Write ``gradients.safetensors`` and ``gradients.json`` to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "gradients.safetensors") as temporary:
        save_file({"gram": np.ascontiguousarray(gram, dtype=np.float64)}, temporary)
    write_text(folder / "gradients.json", report.model_dump_json(indent=1))


def read_gradients(folder: Path) -> tuple[GradientReport, Float[np.ndarray, "K M K M"]]:
    """Read what :func:`write_gradients` wrote. Raises DataError, which names the folder, if it is missing or broken."""
    try:
        report = GradientReport.model_validate_json((folder / "gradients.json").read_text())
        gram = load_file(folder / "gradients.safetensors")["gram"]
    except (OSError, ValidationError, SafetensorError, KeyError) as error:
        raise DataError(str(folder), f"no readable gradients ({type(error).__name__})", "measure them again") from error
    size = (report.batches, len(report.methods))
    if gram.shape != size * 2:
        raise DataError(str(folder), f"products of shape {gram.shape}, not {size * 2}", "measure them again")
    return report, gram
