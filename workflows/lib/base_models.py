"""Put a base model where the cells expect it: build it, or link one from a folder or from the hub's files."""

from __future__ import annotations

import json
from pathlib import Path

from contracts.errors import DataError
from contracts.files import write_text
from workflows.lib.config.schema import MICRO, ScaleSettings
from workflows.lib.hub.needs import WEIGHTS, present, read_lock
from workflows.lib.hub.needs import model as hub_model


def provide(scale: ScaleSettings, building: str, model: Path, report: Path) -> None:
    """Make the folder ``model`` and write the ``report`` that says how it was made.

    ``building``: for a model of the micro world its MicroSettings as JSON; for one of the hub the path of the lock with
    the fetched files. Raises DataError if a model is not complete.
    """
    if scale.is_micro:
        facts = _build(scale.base_model.removeprefix(MICRO), building, model, report.with_name("progress.jsonl"))
    else:
        folder = Path(scale.base_model).expanduser()
        source = folder if scale.is_folder else present(hub_model("base_model", scale), read_lock(Path(building)))
        _link(source, model)
        facts = {"source": scale.base_model, "revision": scale.revision}
    write_text(report, json.dumps(facts, indent=1))


def _build(shape: str, building: str, model: Path, progress: Path) -> dict[str, object]:
    from methods.micro.bases import build_base
    from methods.micro.settings import MicroSettings

    return build_base(MicroSettings.model_validate_json(building), shape, model, progress)


def _link(source: Path, model: Path) -> None:
    """Make a folder of links to the files of ``source``, because weights are large."""
    files = sorted({path for pattern in WEIGHTS for path in source.glob(pattern)})
    if not any(path.suffix == ".safetensors" for path in files):
        raise DataError(str(source), "holds no weights as safetensors", "save the model with save_pretrained")
    model.mkdir(parents=True, exist_ok=True)
    for path in files:
        (model / path.name).symlink_to(path.resolve())
