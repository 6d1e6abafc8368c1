"""The files a cell leaves: adapter and step lines."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from contracts.errors import TrainError
from contracts.files import replacing_folder
from contracts.records import Step
from methods.engines.local.policy import Policy


def read_lines(path: Path) -> list[Step]:
    """Step lines of a run; TrainError if the file is not what this program writes."""
    if not path.exists():
        return []
    try:
        return [Step.model_validate_json(line) for line in path.read_text().splitlines()]
    except ValidationError as error:
        cause = f"not step records ({error.error_count()} errors)"
        raise TrainError(str(path), cause, f"delete {path.parent} to train from the start") from error


def save_adapter(policy: Policy, folder: Path) -> None:
    """A standard PEFT folder that transformers, PEFT and vLLM load."""
    # Rollouts hand the adapter to vLLM while it is folded in.
    with replacing_folder(folder) as temporary, policy.folding.apart():
        policy.model.save_pretrained(str(temporary), safe_serialization=True)
