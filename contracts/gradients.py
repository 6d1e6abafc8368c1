"""The files of measured gradients: products of the gradients of a state, and the numbers that follow. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from contracts.errors import DataError
from contracts.files import replacing, write_text
from contracts.records import OptionValue, Record

TARGET = "pg"  # the policy gradient of the reward, measured beside the methods
UNTRAINED = "base"  # the state of a policy that was not trained
ESTIMATES, MEASUREMENTS = "estimates.jsonl", "measurements.jsonl"  # all numbers; what they were measured on
ArmName = Annotated[str, Field(pattern=r"^[a-z0-9_]+(/[^/ ]+)?$", description="<method> or <method>/<variant>")]


class GradientArm(Record):
    """A method with its options, whose gradient is measured."""

    name: ArmName
    method: str
    options: dict[str, OptionValue]
    prepared: str | None = Field(None, description="digest of the model that was prepared for the method")


class PolicyPlan(Record):
    """What is to be measured for many arms at one state and seed of the policy, and all that decides it."""

    world: str
    scale: str
    model_name: str
    state: str
    seed: int
    device: Literal["cpu", "cuda"]
    dtype: str = Field(description="of the base model's weights")
    arms: list[GradientArm] = Field(min_length=1, description="on the rollouts of the first")
    prompts: int = Field(description="problems")
    group_size: int = Field(description="rollouts to each")
    micro_batch: int = Field(description="rollouts in one forward and backward pass")
    sampled_at_once: int = Field(description="rollouts that are sampled side by side")
    grade_deadline: float
    min_pixels: int | None = Field(default=None, description="smaller images are enlarged")
    max_pixels: int | None = Field(default=None, description="larger images are shrunk")
    digests: dict[str, str] = Field(description="of the base model, its adapter, data, code and environment")


class GradientPlan(PolicyPlan):
    """Which gradients are to be measured."""

    batches: int
    dimension: int


class GradientReport(Record):
    """``gradients.json``: which gradients were measured, at which state of the policy and on which rollouts."""

    methods: list[str] = Field(
        description="names of the arms, such as cepo or cepo/lam=1, in the order of the products; the last is 'pg'"
    )
    batches: int = Field(ge=1, description="K")
    prompts: int = Field(description="problems of a batch")
    group_size: int = Field(description="rollouts to each problem")
    world: str
    scale: str
    model_name: str = Field(description="of the base model, in tables")
    state: str = Field(description="the policy: 'base', or the variant of GRPO that trained its adapter")
    seed: int = Field(description="of the base model, of training, and of the rollouts")
    device: str
    digest: str = Field(description="of all that decides the products")
    differentiated: Literal["folded", "adapter"] = Field(
        description="folded: gradients of the layers' weights, the adapter added; adapter: of the LoRA matrices"
    )
    numbers: int = Field(description="length of one gradient")
    dimension: int = Field(description="length of its sketch")
    accuracy: float = Field(description="of the rollouts")
    mixed: float = Field(description="share of groups with right and wrong rollouts")
    tokens: float = Field(description="mean response tokens of a batch")
    labelled: float | None = Field(None, description="share of rollouts whose tokens have labels")
    seconds: float = Field(description="of all batches, added up over the processes that measured them")


class GradientLine(Record):
    """One line of ``gradients/estimates.jsonl``: one number of one arm's gradients at one state and seed."""

    scale: str
    state: str = Field(description="base, or the variant of GRPO that trained the policy")
    seed: int = Field(description="of the base model, of training, and of the rollouts")
    method: ArmName
    theirs: ArmName | None = Field(
        default=None, description="the arm that it is compared with: of samples, the one that needs one rollout"
    )
    quantity: str = Field(
        description="snr, samples, direction, progress; progress_difference: that of method less that of theirs"
    )
    value: float
    low: float | None = Field(default=None, description="95 % interval over batches; absent: not known")
    high: float | None = None
    n: int = Field(description="batches")


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
