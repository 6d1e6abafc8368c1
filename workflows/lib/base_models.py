"""Put a base model where the cells expect it: copy a ready-made one, build it, or link a folder or the hub's files."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from contracts.errors import DataError
from contracts.files import write_text
from workflows.lib.config.schema import MICRO, ScaleSettings
from workflows.lib.hub.needs import WEIGHTS, present, read_lock
from workflows.lib.hub.needs import model as hub_model
from workflows.lib.ready_bases import WEIGHTS as BUILT_WEIGHTS
from workflows.lib.ready_bases import BuiltBase, file_digest, take

PACKAGES = ("torch", "transformers", "tokenizers", "numpy")  # whose versions are noted
CPU = ("model name", "cpu family", "model")  # lines of /proc/cpuinfo


def provide(scale: ScaleSettings, building: str, model: Path, report: Path, recipe: str = "", ready: str = "") -> None:
    """Make the folder ``model`` and write the ``report`` that says how it was made.

    ``building``: for a model of the micro world its MicroSettings as JSON, for one of the hub the path of the lock with
    the fetched files. ``recipe``: digest of what decides a model of the micro world; ``ready``: folder of a
    committed model of that recipe, empty if there is none. Raises DataError if a model is not complete.
    """
    if ready:
        facts = take(Path(ready), model).model_dump() | {"ready_made": ready}
    elif scale.is_micro:
        shape, progress = scale.base_model.removeprefix(MICRO), report.with_name("progress.jsonl")
        facts = build(shape, building, recipe, model, progress).model_dump()
    else:
        folder = Path(scale.base_model).expanduser()
        source = folder if scale.is_folder else present(hub_model("base_model", scale), read_lock(Path(building)))
        _link(source, model)
        facts = {"source": scale.base_model, "revision": scale.revision}
    write_text(report, json.dumps(facts, indent=1))


def build(shape: str, building: str, recipe: str, model: Path, progress: Path) -> BuiltBase:
    """Build a base model of the micro world in the folder ``model``; returns its record."""
    from methods.micro.bases import build_base
    from methods.micro.settings import MicroSettings

    settings = MicroSettings.model_validate_json(building)
    return BuiltBase.model_validate(
        build_base(settings, shape, model, progress)
        | {
            "seed": settings.seed,
            "recipe": recipe,
            "weights": file_digest(model / BUILT_WEIGHTS),
            "processor": processor(),
            "versions": {name: version(name) for name in PACKAGES},
            "built": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )


def processor() -> str:
    """The kind of processor, as far as it decides which kernels compute and how they round."""
    import torch

    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    said = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    name, family, model = (said.get(key, "unknown") for key in CPU)
    return f"{platform.machine()}, {name}, family {family}, model {model}, {torch.backends.cpu.get_cpu_capability()}"


def _link(source: Path, model: Path) -> None:
    """Make a folder of links to the files of ``source``, because weights are large."""
    files = sorted({path for pattern in WEIGHTS for path in source.glob(pattern)})
    if not any(path.suffix == ".safetensors" for path in files):
        raise DataError(str(source), "holds no weights as safetensors", "save the model with save_pretrained")
    model.mkdir(parents=True, exist_ok=True)
    for path in files:
        (model / path.name).symlink_to(path.resolve())
