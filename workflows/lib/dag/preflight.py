"""Checks before anything runs: is there a folder to write to, disk space, the models?"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from contracts.errors import ConfigError
from methods.engines.registry import ENGINES
from workflows.lib.config.loading import ConfigSource
from workflows.lib.config.schema import Config
from workflows.lib.dag.missing import MissingNeed
from workflows.lib.dag.recipes import ROOT
from workflows.lib.machine.facts import FREE_MB
from workflows.lib.machine.folders import trouble

USERS = {
    "problems",
    "benchmarks",
    "base_model",
    "prepare",
    "train",
    "gradients",
    "truth",
}  # rules that need models, data or the checkout of EasyR1


def check_results_folder(folder: Path, place: str, free_mb: float = FREE_MB["micro"]) -> None:
    """Raise ConfigError if ``folder`` cannot be made and written, or its disk is nearly full. Leaves no file."""
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    if cause := trouble(folder):
        raise ConfigError(place, cause, "set results_dir to another folder")
    free = shutil.disk_usage(existing).free / 1e6
    if free < free_mb:
        cause = f"only {free:.0f} MB free on the disk of {existing}, a run needs {free_mb:.0f}"
        raise ConfigError(place, cause, "free some, or set results_dir to another disk")


def check_engine(config: Config, source: ConfigSource) -> None:
    """Raise ConfigError for an engine that this version does not have."""
    module = ROOT / Path(*ENGINES[config.engine].split(".")).with_suffix(".py")
    if not module.is_file():
        raise ConfigError(source.place("engine"), f"this version has no engine '{config.engine}'", "use engine: local")


def check_fetched(missing: Sequence[MissingNeed], rules: Iterable[str]) -> None:
    """Raise ConfigError if one of these rules will run and something that it may need is ``missing``."""
    if USERS.isdisjoint(rules) or not missing:
        return
    first, others = missing[0], len(missing) - 1
    more = f" (and {others} more: make doctor)" if others else ""
    raise ConfigError(first.place, f"{first.cause}{more}", first.remedy)


def check_confirmed(source: ConfigSource, plan: Sequence[str], ask: Callable[[str], str] | None) -> None:
    """Raise ConfigError for a run that uses GPUs unless the user agrees.

    ``plan``: lines of the plan; the last one names the GPU-hours and is empty without any. ``ask`` shows the user a
    question and returns the answer; it is None if there is no terminal.
    """
    gpu_hours = plan[-1]
    if not gpu_hours:
        return
    if ask is not None:
        print(*plan, sep="\n")
        if ask("This run takes GPUs for that long. Start it? [y/N] ").strip().lower() in ("y", "yes"):
            return
    way_out = "look at make plan, then start with --config yes=true (make: YES=1)"
    raise ConfigError(source.place("yes"), f"this run needs your consent. {gpu_hours.rstrip('.')}", way_out)


def check_models(config: Config, source: ConfigSource) -> None:
    """Raise ConfigError if a base model that is given as a folder is no folder."""
    for name, scale in config.scales.items():
        if scale.is_folder and not (Path(scale.base_model).expanduser() / "config.json").is_file():
            place = source.place("scales", name, "base_model")
            cause = f"no model in {scale.base_model} (no config.json)"
            raise ConfigError(place, cause, "save a Hugging Face model there")
