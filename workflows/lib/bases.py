"""Puts a base model where the cells expect it: built here, from a folder, or from the Hugging Face hub."""

from __future__ import annotations

import json
from pathlib import Path

from workflows.lib.config import MICRO, Scale
from workflows.lib.errors import DataError
from workflows.lib.files import write_text

WANTED = ["*.json", "*.jinja", "*.txt", "*.model", "*.safetensors"]  # weights as safetensors only, and no code


def provide(scale: Scale, building: str, model: Path, report: Path) -> None:
    """Fill the folder ``model`` and write the ``report`` of how that was done.

    ``building``: MicroSettings as JSON, for a model of the micro world. Raises DataError if a model is not complete.
    """
    if scale.is_micro:
        facts = _build(scale.base_model.removeprefix(MICRO), building, model, report.with_name("progress.jsonl"))
    else:
        source = Path(scale.base_model).expanduser() if scale.is_folder else _download(scale)
        _link(source, model)
        facts = {"source": scale.base_model, "revision": scale.revision}
    write_text(report, json.dumps(facts, indent=1))


def _build(shape: str, building: str, model: Path, progress: Path) -> dict[str, object]:
    from methods.micro.bases import build_base
    from methods.micro.settings import MicroSettings

    return build_base(MicroSettings.model_validate_json(building), shape, model, progress)


def _download(scale: Scale) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(scale.base_model, revision=scale.revision, allow_patterns=WANTED))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        way_out = "check name, revision and network, or download it and give the folder as base_model"
        raise DataError(f"{scale.base_model}@{scale.revision}", f"cannot be fetched ({error})", way_out) from error


def _link(source: Path, model: Path) -> None:
    """A folder of links to the files of ``source``: weights are big, and the original stays as it is."""
    files = sorted({path for pattern in WANTED for path in source.glob(pattern)})
    if not any(path.suffix == ".safetensors" for path in files):
        raise DataError(str(source), "holds no weights as safetensors", "save the model with save_pretrained")
    model.mkdir(parents=True, exist_ok=True)
    for path in files:
        (model / path.name).symlink_to(path.resolve())
